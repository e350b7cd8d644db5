//! `[[hook]]`: programs that post requests to `/hooks/NAME`, how they show who they are, and what their data means.

use std::collections::BTreeMap;

use secrecy::SecretString;
use toml::de::DeValue;

use super::secret::Surroundings;
use super::section::{Found, Section};
use super::value;
use crate::channel::kind::{KINDS, Kind};
use crate::channel::mapping::{FIELDS, Mapping, Origin};
use crate::channel::sign::{Auth, standard_key};
use crate::desk::firm;
use crate::words::Priority;

/// A hook with what the door needs.
#[derive(Debug, Clone)]
pub struct Hook {
    pub hook: firm::Hook,
    pub auth: Auth,
}

/// What `resolved` says when something is over, unless the config says otherwise.
const OVER: [&str; 6] = ["resolved", "ok", "up", "closed", "recovered", "true"];

#[derive(Clone, Copy)]
enum Scheme {
    Standard,
    Github,
    Slack,
    Bearer,
    Basic,
}

const SCHEMES: &[(&str, Scheme)] = &[
    ("standard-webhooks", Scheme::Standard),
    ("github", Scheme::Github),
    ("slack", Scheme::Slack),
    ("bearer", Scheme::Bearer),
    ("basic", Scheme::Basic),
];

/// The hook, and the client that it names.
pub fn hook<'a>(section: &Section<'a>, around: &Surroundings) -> (Option<Hook>, Option<Found<'a, String>>) {
    section.must("name", "name = \"monitoring\": the end of its address /hooks/monitoring");
    let name = section.parse("name", value::name);
    section.must("auth", "auth = \"bearer\", \"standard-webhooks\", \"github\", \"slack\" or \"basic\"");
    let scheme = section.choice("auth", SCHEMES);
    // Both count while the sender changes over to the new one.
    let mut secrets: Vec<SecretString> = around.secret(section, "secret").into_iter().collect();
    if section.has("old_secret") {
        secrets.extend(around.secret(section, "old_secret"));
    }
    if matches!(scheme, Some(Scheme::Standard)) {
        use secrecy::ExposeSecret;
        let unread = |secret: &SecretString| secret.expose_secret().is_empty();
        if secrets.iter().any(|secret| !unread(secret) && standard_key(secret).is_none()) {
            let right = "take it as the sender shows it: whsec_ and base64";
            section.notes.wrong(&section.place_of("secret"), "leads to no key of Standard Webhooks", right);
        }
    }
    let client = section.text("client").map(|found| Found { value: found.value.to_owned(), place: found.place });
    let trusts_sender = section.yes("trusts_sender", false);
    let mapping = Mapping { client: client.as_ref().map(|found| found.value.clone()), ..mapping(section) };
    section.finish();
    let auth = scheme.filter(|_| !secrets.is_empty()).map(|scheme| match scheme {
        Scheme::Standard => Auth::StandardWebhooks(secrets),
        Scheme::Github => Auth::Github(secrets),
        Scheme::Slack => Auth::Slack(secrets),
        Scheme::Bearer => Auth::Bearer(secrets),
        Scheme::Basic => Auth::Basic(secrets),
    });
    let hook = match (name, auth) {
        (Some(name), Some(auth)) => Some(Hook { hook: firm::Hook { name: name.value, mapping, trusts_sender }, auth }),
        _ => None,
    };
    (hook, client)
}

/// What `kind` gives, overridden by what stands here.
fn mapping(section: &Section<'_>) -> Mapping {
    let words: Vec<(&str, &Kind)> = KINDS.iter().map(|kind| (kind.name, kind)).collect();
    let ready = section.choice("kind", &words).and_then(|kind| kind.mapping().ok());
    let mut mapping = ready.unwrap_or_default();
    mapping.fields.extend(map(section));
    mapping.priorities.extend(priorities(section));
    let over: Vec<String> = section.texts("resolved_is").into_iter().map(|found| found.value.to_lowercase()).collect();
    if !over.is_empty() {
        mapping.resolved_is = over;
    } else if mapping.resolved_is.is_empty() {
        mapping.resolved_is = OVER.map(str::to_owned).to_vec();
    }
    if let Some(each) = section.text("each") {
        if !each.value.starts_with('/') {
            section.notes.wrong(&each.place, "is no JSON pointer", "write each = \"/alerts\"");
        }
        mapping.each = Some(each.value.to_owned());
    }
    mapping
}

fn map(section: &Section<'_>) -> BTreeMap<&'static str, Origin> {
    let mut fields = BTreeMap::new();
    let Some(table) = section.table("map") else { return fields };
    for field in FIELDS {
        let Some(found) = table.text(field) else { continue };
        match Origin::read(found.value) {
            Ok(origin) => {
                fields.insert(field, origin);
            }
            Err(why) => {
                let right = "write a JSON pointer (\"/host/name\") or a template (\"{{ host.name }} is down\")";
                table.notes.wrong(&found.place, format!("is no template: {why}"), right);
            }
        }
    }
    table.finish();
    fields
}

/// `[hook.priorities]`, `[alert_mail.priorities]`: what the sender calls them.
pub(super) fn priorities(section: &Section<'_>) -> BTreeMap<String, Priority> {
    let mut all = BTreeMap::new();
    let Some(table) = section.table("priorities") else { return all };
    for (name, found) in table.entries() {
        let meant = match found.value {
            DeValue::String(text) => value::priority(text),
            _ => Err(("is no priority".to_owned(), "write \"P1\" to \"P4\"".to_owned())),
        };
        match meant {
            Ok(priority) => {
                all.insert(name.to_lowercase(), priority);
            }
            Err((wrong, right)) => table.notes.wrong(&found.place, wrong, right),
        }
    }
    all
}
