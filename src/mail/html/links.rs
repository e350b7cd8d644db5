//! Where links lead, for readers of the text: the address behind words that do not say it.

/// Longer ones would fill the text.
const MAX_ADDRESS: usize = 500;

/// Cleaned HTML with the address of each link behind its words: `text <https://…>`. Not where the words name it, nor for what stands
/// for a picture on somebody's server.
pub(super) fn shown(html: &str) -> String {
    let mut out = String::with_capacity(html.len() + 256);
    let mut rest = html;
    while let Some(at) = rest.find("<a ") {
        let (before, link) = rest.split_at(at);
        out.push_str(before);
        let end = link.find("</a>").unwrap_or(link.len());
        let inside = &link[..end];
        out.push_str(inside);
        if let Some(address) = address(inside) {
            out.push_str(&format!(" &lt;{address}&gt;"));
        }
        rest = &link[end..];
    }
    out.push_str(rest);
    out
}

/// Still escaped, as it stands in the tag.
fn address(link: &str) -> Option<&str> {
    let (tag, words) = link.split_once('>')?;
    let (_, value) = tag.split_once("href=\"")?;
    let (target, _) = value.split_once('"')?;
    let mailbox = target.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:")).map(|_| &target[7..]);
    let address = match mailbox {
        Some(mailbox) => mailbox.split('?').next().filter(|mailbox| mailbox.contains('@'))?,
        None if target.starts_with("http://") || target.starts_with("https://") => target,
        None => return None,
    };
    let bare = address.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    let words = words.to_lowercase();
    let visible = words.trim();
    let picture = visible.starts_with('[') && visible.ends_with(']');
    let said = visible.is_empty() || visible.contains(&bare.to_lowercase());
    (address.len() <= MAX_ADDRESS && !picture && !said).then_some(address)
}
