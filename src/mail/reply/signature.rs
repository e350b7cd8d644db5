//! The signature under a text: the delimiter `-- ` and the lines that telephones add.

use std::sync::LazyLock;

use regex::Regex;

use super::block::pattern;

/// Lines that a mail program adds of itself, whole and short: "Sent from my iPhone" in many languages.
static DEVICE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)^[\s*_\[(]*(?:",
        r"sent (?:from|via|with|by|using) (?:my |the |an? )?.{0,60}(?:phone|i ?pad|\bios\b|android|samsung|galaxy|outlook|yahoo|gmail|mail\b|mobile|tablet|blackberry|windows|huawei|xiaomi|nokia|sony|htc|motorola|\bpixel\b|oneplus|proton|thunderbird|k-?9|hand ?held|device|\baol\b|\bgmx\b|zoho|surface|\bmac\b|macbook|\w*app\b|tutanota|posteo|\bhey\b|\bnine\b|spark|airmail|boxer|superhuman|workspace|verizon|at&t|t-mobile|telstra|\bwatch\b|xperia|zimbra|notes|fairemail|mailbird|missive|\bfront\b).{0,30}|get (?:outlook|bluemail|typeapp|the new yahoo|boxer) for .{2,40}|sent with [\w ]{2,30}(?: secure email)?|",
        r"von meine[mr] .{2,40} gesendet|gesendet (?:von|mit|über) .{2,60}|diese nachricht wurde von meine[mr] .{2,60} gesendet|verstuurd vana?f? .{2,50}|verzonden (?:vanaf|vanuit|met) .{2,50}|",
        r"envoyé (?:de|depuis|à partir) .{2,60}|télécharge[zr] outlook pour .{2,30}|enviad[oa] (?:desde|do|a partir do|de|pelo) .{2,60}|obtener outlook para .{2,30}|obter (?:o )?outlook para .{2,30}|",
        r"inviato (?:da|dal|con) .{2,60}|scarica outlook per .{2,30}|skickat från .{2,50}|sendt fra .{2,50}|lähetetty .{2,50}|wysłane? z .{2,50}|odesláno z .{2,50}|odoslané z .{2,50}|",
        r"(?:az? )?.{2,30}(?:ról|ről|mról|emről) küldve|trimis de pe .{2,40}|отправлено (?:с|из|от) .{2,50}|надіслано з .{2,50}|(?:iphone|ipad|android).{0,12}(?:'dan|’dan|'umdan|’umdan|imden) gönderildi|",
        r"poslano (?:s|z|iz) .{2,40}|στάλθηκε από .{2,40}|נשלח מה.{2,30}|أُ?رسلت? من .{2,40}|发自我的.{2,30}|發自我的.{2,30}|从我的.{2,30}发送|iphoneから送信|나의 iphone에서 보냄|내 .{2,20}에서 보냄|được gửi từ .{2,30}|dikirim dari .{2,30}|",
        r"outlook (?:für|voor|pour|per|para|til|för) (?:ios|android) .{2,20}|hol(?:en sie sich)? outlook für .{2,20}|hent outlook (?:til|for) .{2,20}|hämta outlook för .{2,20}|download outlook voor .{2,20}",
        r")[\s*_\])]*$"
    ))
});
static LINK: LazyLock<Regex> = LazyLock::new(|| pattern(r"\s*(?:<https?://[^>]*>|\(https?://[^)]*\)|https?://\S+)"));
/// Words that a person writes about sending, not a telephone.
static PERSONAL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:yesterday|today|invoice|you|them|him|her|to|ordered|parcel|order|colleague|because|is|was|easier|much|got|we|it)\b",
    )
});

/// A line of the kind "Sent from my iPhone".
pub fn is_device_line(line: &str) -> bool {
    if line.len() > 400 {
        return false;
    }
    let line = LINK.replace_all(line, "");
    let line = line.trim();
    let plain = line.trim_end_matches(['.', '!', ' ']);
    (2..=90).contains(&line.chars().count())
        && !line.ends_with([',', ':', ';'])
        && DEVICE.is_match(plain)
        && !PERSONAL.is_match(plain)
}

/// A line that only delimits: `-- `, `--`, `—`, or a run of dashes or underscores.
pub fn is_delimiter(line: &str) -> bool {
    matches!(line.trim_end(), "--" | "—" | "– " | "-- ")
}

/// The text above the signature; the whole text where none is certain.
pub fn without_signature(text: &str) -> &str {
    let mut keep = text.len();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if is_delimiter(line.trim_end_matches('\n')) && !text[..offset].trim().is_empty() {
            keep = offset;
            break;
        }
        offset += line.len();
    }
    let mut text = above_rule(text[..keep].trim_end());
    while let Some(last) = text.lines().next_back() {
        if !is_device_line(last) {
            break;
        }
        text = text[..text.len() - last.len()].trim_end();
    }
    text
}

/// A line of underscores with few lines below it stands above a signature.
fn above_rule(text: &str) -> &str {
    let mut end = text.len();
    for (count, line) in text.lines().rev().take(7).enumerate() {
        let start = line.as_ptr() as usize - text.as_ptr() as usize;
        let rule = line.trim();
        if count > 0 && rule.len() >= 10 && rule.bytes().all(|byte| byte == b'_') && !text[..start].trim().is_empty() {
            end = start;
        }
    }
    text[..end].trim_end()
}
