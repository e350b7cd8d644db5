//! What travels with a text: its words as HTML, its pictures in their places, its files; and what stays behind, by name.

use crate::mail::picture::{Pictures, label};
use crate::mail::reply::likeness;
use crate::mail::{Attachment, Mail};
use crate::notice::CleanHtml;

use super::letter::new_token;

/// For whom it is. Towards a client a picture that may come from the quoted mail stays behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Towards {
    Client,
    Tech,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Enclosed {
    /// Says exactly what the text says; `None`: the text is all there is.
    pub html: Option<CleanHtml>,
    /// Pictures that the HTML shows are `inline`, under content ids of our own.
    pub files: Vec<Attachment>,
    /// Too large for one mail.
    pub left_out: Vec<String>,
    /// Pictures that nobody can place: the words were read from the plain text, which does not name them.
    pub unplaced: Vec<String>,
    /// Logos and the like.
    pub logos: Vec<String>,
}

impl Enclosed {
    /// What `mail` brings beside `text`, which is its new text or a part of it. `cap` is for all files together.
    pub(super) fn of(mail: &Mail, text: &str, cap: u64, towards: Towards) -> Enclosed {
        let pictures = Pictures::of(&mail.attachments);
        let page = mail.new_html.as_deref().and_then(|page| likeness::of(page, text, &pictures));
        let mut enclosed = Enclosed::default();
        let mut sum = 0;
        // Where nothing is said, what looks like a logo may be all that somebody wants to show.
        let silent = text.trim().is_empty();
        for file in &mail.attachments {
            let named = file.content_id.is_some() && text.contains(&label(&file.name));
            if file.decoration && !silent {
                enclosed.logos.push(file.name.clone());
            } else if file.inline && !named && page.is_some() {
                // It stands in the quoted mail, which its reader has.
            } else if file.inline && !named && towards == Towards::Client {
                enclosed.unplaced.push(file.name.clone());
            } else if sum + file.bytes.len() as u64 > cap {
                enclosed.left_out.push(file.name.clone());
            } else {
                sum += file.bytes.len() as u64;
                let shown = named && page.is_some();
                let content_id = shown.then(own_id);
                enclosed.files.push(Attachment { inline: shown, content_id, ..file.clone() });
            }
        }
        enclosed.html = page.map(|page| CleanHtml(enclosed.placed(&page, mail, &pictures)));
        enclosed
    }

    /// Names of the files beside the text; what the text shows is none.
    pub(super) fn attached(&self) -> Vec<String> {
        self.files.iter().filter(|file| !file.inline).map(|file| file.name.clone()).collect()
    }

    /// The page with our own content ids, and the names of what stays behind.
    fn placed(&self, page: &str, mail: &Mail, pictures: &Pictures) -> String {
        likeness::with_pictures(page, pictures, |id| {
            let file = mail.attachments.iter().find(|file| file.content_id.as_deref() == Some(id))?;
            self.files.iter().find(|kept| kept.inline && kept.name == file.name)?.content_id.clone()
        })
    }
}

/// A new content id: what another program wrote may hold an address or a name.
fn own_id() -> String {
    format!("{}@picture", &new_token()[..16])
}
