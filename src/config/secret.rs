//! Secrets: never in the config itself, always a reference to a file, an environment variable or a systemd credential.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::section::{Notes, Place, Section};

/// What the caller wants of the secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Every one must be there: the daemon.
    Needed,
    /// Looked at where that is possible: `deskd check` in a shell, which has no credentials of systemd.
    Checked,
    /// Not read: a command that only looks into the database.
    Unread,
}

/// Where secrets and relative paths are looked up.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Folder of the main config file.
    pub folder: PathBuf,
    /// `$CREDENTIALS_DIRECTORY`, set by systemd.
    pub credentials: Option<PathBuf>,
    pub secrets: Secrets,
}

impl Surroundings {
    pub fn path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }

    /// `ca`: a PEM file that is there.
    pub fn ca(&self, section: &Section<'_>) -> Option<PathBuf> {
        let found = section.text("ca")?;
        let path = self.path(found.value);
        if !path.is_file() {
            section.notes.wrong(&found.place, format!("{} does not exist", path.display()), "name a PEM file");
        }
        Some(path)
    }

    /// The secret under `key`: `{ file = "…" }`, `{ env = "…" }` or `{ credential = "…" }`.
    pub fn secret(&self, section: &Section<'_>, key: &'static str) -> Option<SecretString> {
        const FORMS: &str = "write { file = \"…\" }, { env = \"…\" } or { credential = \"…\" }";
        let place = section.place_of(key);
        let notes = section.notes;
        if !section.has(key) {
            notes.wrong(&place, "is missing", FORMS);
            return None;
        }
        if section.is_text(key) {
            notes.wrong(&place, "is a secret written in the open", format!("keep it elsewhere: {FORMS}"));
            return None;
        }
        let reference = section.table(key)?;
        let (file, env, credential) = (reference.text("file"), reference.text("env"), reference.text("credential"));
        reference.finish();
        let count = [&file, &env, &credential].iter().filter(|form| form.is_some()).count();
        if self.secrets == Secrets::Unread && count == 1 {
            return Some(SecretString::from(""));
        }
        let text = match (file, env, credential) {
            (Some(file), None, None) => {
                let path = self.path(file.value);
                warn_if_open(notes, &file.place, &path);
                read(notes, &file.place, &path)
            }
            (None, Some(env), None) => {
                let text = std::env::var(env.value).ok();
                if text.is_none() {
                    let wrong = format!("the environment has no variable {}", env.value);
                    notes.wrong(&env.place, wrong, "set it for the daemon, or use { file = \"…\" }");
                }
                text
            }
            (None, None, Some(credential)) if self.secrets == Secrets::Checked && self.credentials.is_none() => {
                let wrong = "cannot be looked at outside systemd: $CREDENTIALS_DIRECTORY is not set";
                notes.warn(&credential.place, wrong, "look into the daemon's journal after its start or reload");
                return Some(SecretString::from(""));
            }
            (None, None, Some(credential)) => self.credential(notes, &credential.place, credential.value),
            _ => {
                notes.wrong(&place, "names no secret, or several", FORMS);
                None
            }
        }?;
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            notes.wrong(&place, "leads to an empty secret", "put the secret there");
            return None;
        }
        Some(SecretString::from(text))
    }

    fn credential(&self, notes: &Notes, place: &Place<'_>, name: &str) -> Option<String> {
        if name.contains('/') {
            notes.wrong(place, format!("\"{name}\" is no name of a credential"), "write the bare name");
            return None;
        }
        let Some(folder) = &self.credentials else {
            let right = format!(
                "start under systemd with LoadCredential={name}:…, or set CREDENTIALS_DIRECTORY to a folder with a file {name}"
            );
            notes.wrong(place, "$CREDENTIALS_DIRECTORY is not set", right);
            return None;
        };
        read(notes, place, &folder.join(name))
    }
}

fn read(notes: &Notes, place: &Place<'_>, path: &Path) -> Option<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) => {
            notes.wrong(
                place,
                format!("{} cannot be read: {error}", path.display()),
                "put the secret there, readable by the daemon",
            );
            None
        }
    }
}

/// Anybody on the machine could read it.
fn warn_if_open(notes: &Notes, place: &Place<'_>, path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let open = std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o007 != 0);
    if open {
        notes.warn(
            place,
            format!("{} is open to every user of this machine", path.display()),
            format!("chmod 600 {}", path.display()),
        );
    }
}
