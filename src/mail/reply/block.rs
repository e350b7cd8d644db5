//! Header blocks that mail programs write above a quoted or forwarded mail: From, Sent, To, Subject in any language.

use std::sync::LazyLock;

use regex::Regex;

/// What a line of such a block names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    From,
    Sent,
    To,
    Cc,
    Subject,
    Other,
}

/// A block that was found: its fields in order, and the first line after it.
#[derive(Debug)]
pub struct Block {
    pub fields: Vec<(Field, String)>,
    pub end: usize,
    /// Names, an address and a date agree; `false` for a list that could also be typed by hand.
    pub sure: bool,
}

const FROM: &str = "from|von|van|de|da|från|fra|lähettäjä|od|от|от кого|від|від кого|kimden|gönderen|feladó|expeditor|expeditorul|de la|发件人|寄件者|寄件人|差出人|보낸 사람|보낸사람|mittente|remitente|remetente|saatja|kellelt|nuo|siuntėjas|no|sūtītājs|pošiljatelj|šalje|pošiljalac|expéditeur|expediteur|avsender|afsender|avsändare|frá|sendandi|από|מאת|من|dari|pengirim|từ|người gửi|nadawca|odesílatel|odosielateľ|absender|afzender|ผู้ส่ง|จาก|подател|пошиљалац|فرستنده|از|nga|désde|message de|desde|de part de";
const SENT: &str = "sent|date|gesendet|datum|verzonden|envoyé|envoye|date d'envoi|date d’envoi|le|inviato|data|enviado|enviada|enviada em|enviado em|enviado el|enviat|fecha|skickat|skickades|sendt|dato|dags|sent on|date sent|lähetetty|päivämäärä|päiväys|pvm|wysłano|data wysłania|odesláno|odoslané|odoslaná|dátum|elküldve|küldve|trimis|dată|отправлено|дата|дата отправки|надіслано|изпратено|tarih|gönderildi|gönderilen|gönderme tarihi|gönderilme tarihi|发送时间|日期|发送日期|寄件日期|傳送時間|送信日時|送信日|日付|日時|날짜|보낸 날짜|보낸날짜|보낸 시간|poslano|poslato|ημερομηνία|στάλθηκε|נשלח|תאריך|التاريخ|تاريخ|تم الإرسال|تاريخ الإرسال|ngày|đã gửi|dikirim|tanggal|saadetud|kuupäev|išsiųsta|nosūtīts|datums|message du|gestuurd|sent at|วันที่|ส่งเมื่อ|تاریخ|wysłane";
const TO: &str = "to|an|aan|à|a|para|per|pour|till|til|vastaanottaja|do|komu|kam|кому|кому:|до|kime|alıcı|címzett|către|catre|destinatarul|destinatar|收件人|收件者|宛先|받는 사람|받는사람|destinatario|destinatário|destinataire|kellele|saaja|kam|kama|prima|za|primatelj|mottaker|modtager|mottagare|προς|אל|إلى|kepada|đến|tới|người nhận|adresat|empfänger|ถึง|ผู้รับ|ontvanger|получател|прима|به|gavėjas|adresāts|naar|ke|cho";
const CC: &str = "cc|cópia|copia|copie|copie à|copy|kopie|kopia|kopi|kopija|kópia|másolat|копия|копія|bilgi|抄送|副本|참조|κοιν|κοινοποίηση|עותק|העתק|نسخة|tembusan|cc:|ccn|bcc|cci|cco|bk|kopio|koopia|dw|udw|másolatot kap|skrytá kopie|c.c|kk|copia oculta|blindkopie|скрытая копия|سری|สำเนา|afrit|копие";
const SUBJECT: &str = "subject|betreff|onderwerp|objet|sujet|oggetto|asunto|assunto|ämne|emne|aihe|temat|předmět|predmet|subiect|subiectul|tárgy|тема|konu|主题|主旨|主題|件名|제목|θέμα|נושא|הנדון|الموضوع|موضوع|subjek|perihal|chủ đề|tiêu đề|teema|tema|naslov|zadeva|efni|assumpte|re|เรื่อง|относно|относно:|наслов|subjekt|temats|lénha";
const OTHER: &str = "reply-to|reply to|répondre à|antwort an|antwoord aan|risposta|responder a|responder para|svar til|svara till|odpověď|odpowiedz do|ответить|importance|priority|prioriteit|priorität|importance:|wichtigkeit|belang|attachments|anlagen|bijlagen|pièces jointes|allegati|adjuntos|anexos|vedhæftede filer|organization|message-id|mailed-by|signed-by|reply|resent-from|sender|list-id|priorité|importancia|添付ファイル|重要度|załączniki|přílohy|newsgroups|groupes|in-reply-to|references";

/// An address, `@` and a dotted host, also one that lost its `>`.
pub static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[^\s<>()\[\]@,;:\x22']+@[^\s<>()\[\]@,;:\x22']+\.[^\s<>()\[\]@,;:\x22'.]+"));
/// A year, a time of day, or a date in digits.
pub static DATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\b(?:19|20)\d\d\b|\b\d{1,2}[:.h]\d{2}\b|\b\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}\b|\d\s*[年月日時年월일]")
});

/// A pattern of our own: a broken one matches nothing, and the tests of every pattern would say so.
pub fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap_or_else(|_| Regex::new("$^").unwrap_or_else(|_| unreachable!("an empty pattern compiles")))
}

/// Without quote marks of one level, indentation, bold marks and invisible characters at the start.
pub fn bare(line: &str) -> &str {
    line.trim_start_matches(|c: char| {
        c.is_whitespace() || matches!(c, '*' | '\u{feff}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '|')
    })
    .trim_end()
}

fn named(name: &str) -> Option<Field> {
    let among = |list: &str| list.split('|').any(|word| word == name);
    [
        (Field::From, FROM),
        (Field::Sent, SENT),
        (Field::To, TO),
        (Field::Cc, CC),
        (Field::Subject, SUBJECT),
        (Field::Other, OTHER),
    ]
    .into_iter()
    .find(|(_, list)| among(list))
    .map(|(field, _)| field)
}

/// Name and value of a line of the shape `Name: value`; the field is `None` where no language we know has the name.
pub fn field(line: &str) -> Option<(Option<Field>, &str)> {
    let line = bare(line);
    let (at, colon) = line.char_indices().take(32).find(|(_, c)| matches!(c, ':' | '：'))?;
    let name =
        line.get(..at)?.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_' | '\u{200e}' | '\u{200f}'));
    let value = line.get(at + colon.len_utf8()..)?;
    if name.is_empty() || name.contains(['@', '<', '#', '[']) || name.contains("//") || value.starts_with("//") {
        return None;
    }
    let value = value.trim_start_matches(['*', '_']).trim();
    Some((named(&name.to_lowercase()), value))
}

/// The header block that begins at line `at`; looks at no more than 24 lines.
pub fn block(lines: &[&str], at: usize) -> Option<Block> {
    let (first, _) = field(lines.get(at)?)?;
    if first == Some(Field::Other) {
        return None;
    }
    let (fields, end) = collect(lines, at);
    if first.is_none() && fields.iter().any(|(name, _)| *name == Some(Field::From)) {
        // The author's own line, right above a header whose names are known.
        return None;
    }
    judge(fields, end)
}

type Found = Vec<(Option<Field>, String)>;

fn collect(lines: &[&str], at: usize) -> (Found, usize) {
    let mut found: Found = Vec::new();
    let mut end = at;
    let mut i = at;
    while let Some(line) = lines.get(i).filter(|_| i < at + 24) {
        if let Some((name, value)) = field(line).filter(|(name, _)| name.is_some() || found.len() < 6 && i == end) {
            if name.is_none() && found.iter().any(|(seen, _)| *seen == Some(Field::Subject)) {
                break;
            }
            found.push((name, value.chars().take(2000).collect()));
            end = i + 1;
        } else if bare(line).is_empty() {
            let next = (i + 1..i + 3).find(|&j| lines.get(j).is_some_and(|line| !bare(line).is_empty()));
            let goes_on = next.and_then(|j| field(lines[j])).is_some_and(|(name, _)| match name {
                Some(name) => !found.iter().any(|(seen, _)| *seen == Some(name)),
                None => false,
            });
            if !goes_on {
                break;
            }
        } else if !continues(&found, line, lines.get(i + 1).copied()) {
            break;
        } else if let Some((_, value)) = found.last_mut() {
            value.push(' ');
            value.push_str(bare(line));
            end = i + 1;
        }
        i += 1;
    }
    (found, end)
}

/// A folded value: more addresses, or the second line of a subject that another field follows.
fn continues(found: &Found, line: &str, next: Option<&str>) -> bool {
    let Some((name, value)) = found.last() else { return false };
    let addressed = matches!(name, Some(Field::To | Field::Cc | Field::From));
    let open = value.ends_with([',', ';', '<', '(']) || value.is_empty();
    let more = line.len() < 400 && addressed && open;
    let before_field = line.len() < 200 && next.and_then(field).is_some_and(|(name, _)| name.is_some());
    more || before_field
}

fn judge(found: Found, end: usize) -> Option<Block> {
    let has = |field: Field| found.iter().any(|(name, _)| *name == Some(field));
    let known = [Field::From, Field::Sent, Field::To, Field::Cc, Field::Subject]
        .into_iter()
        .filter(|&field| has(field))
        .count();
    let addresses = found.iter().filter(|(_, value)| value.contains('@') && ADDRESS.is_match(value)).count();
    let dated = found.iter().any(|(_, value)| DATE.is_match(value));
    let unknown = found.iter().filter(|(name, _)| name.is_none()).count();
    let by_words = has(Field::From) && known >= 3 || has(Field::From) && known == 2 && addresses > 0;
    let by_shape = found.len() >= 4 && addresses >= 2 && dated && unknown <= found.len();
    let valued = |field: Field, pattern: &Regex| {
        found.iter().any(|(name, value)| *name == Some(field) && pattern.is_match(value))
    };
    // Some programs name only the moment and the people written to.
    let by_moment = valued(Field::Sent, &DATE) && (valued(Field::To, &ADDRESS) || valued(Field::From, &ADDRESS));
    if !by_words && !by_shape && !by_moment {
        return None;
    }
    let sure = (by_words || by_shape) && addresses > 0 && (dated || has(Field::Subject))
        || has(Field::Subject) && has(Field::Sent) && known >= 4;
    Some(Block { fields: assign(found), end, sure })
}

/// Gives names that no list knows the field that their value shows.
fn assign(found: Found) -> Vec<(Field, String)> {
    let mut seen: Vec<Field> = found.iter().filter_map(|(name, _)| *name).collect();
    let mut fields = Vec::new();
    for (name, value) in found {
        let name = name.unwrap_or_else(|| {
            let guess = if ADDRESS.is_match(&value) {
                [Field::From, Field::To, Field::Cc].into_iter().find(|field| !seen.contains(field))
            } else if DATE.is_match(&value) {
                [Field::Sent].into_iter().find(|field| !seen.contains(field))
            } else {
                [Field::Subject].into_iter().find(|field| !seen.contains(field))
            };
            guess.inspect(|&field| seen.push(field)).unwrap_or(Field::Other)
        });
        fields.push((name, value));
    }
    fields
}
