//! Tells mail of machines from mail of people (RFC 3834, 3464, 5965, 8098) and says whether an automatic answer may be sent.

use std::sync::LazyLock;

use regex::Regex;

use crate::mail::Mail;

mod bounce;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Human,
    AutoReply,
    /// Also a notice of delay: then `hard` is `Some(false)`.
    Bounce,
    Report,
    List,
    Generated,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    pub kind: Kind,
    /// An acknowledgement may go out; the limits per contact still hold.
    pub may_answer: bool,
    /// The header or phrase that decided.
    pub why: String,
    /// The addresses that a bounce is about, lower case, each once.
    pub failed: Vec<String>,
    /// The enhanced status of RFC 3463, `5.1.1`.
    pub status: Option<String>,
    /// `Some(true)`: the address will not work again; `None`: not a bounce, or it does not say.
    pub hard: Option<bool>,
    /// Of the mail that bounced, without angle brackets.
    pub original_message_id: Option<String>,
}

fn pattern(text: &str) -> Regex {
    crate::mail::reply::block::pattern(text)
}

static DAEMON: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:mailer[-_.]?daemon|post[-_.]?master|mail[-_.]?daemon|mdaemon|bounces?|mailerdaemon|postmast|mail-?delivery|.*mailer-daemon.*)@?",
    )
});
static STATUS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b([245]\.\d{1,3}\.\d{1,3})\b"));
static REPLY_CODE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:^|[\s:(<'\x22])([45]\d\d)[\s-]"));

static BOUNCE_SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)undeliver|delivery (?:status )?(?:notification|failure|has failed|report|problem|error)|deliver(?:y|ing).{0,30}fail|mail delivery|returned mail|returned to sender|failure noti(?:ce|fication)|",
        r"delivery.{0,12}delayed|message delayed|mail could not be|could not be delivered|non remis|unzustellbar|unable to deliver|non-?delivery|nondeliverable|mail system error|",
        r"message status - undeliverable|error (?:while )?sending your|loop alert|duplicated message-id|エラー通知|送信エラー|配信エラー|送信できません|failed mail|rejected|mail failure|onbestelbaar|no se puede entregar|mancato recapito|配信|不达|退信|недоставл|notificación de estado|mailfehler|warning: .{0,30}(?:delay|could not)"
    ))
});
static BOUNCE_BODY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)(?:could|can) ?not be delivered|couldn't be delivered|was not delivered|(?:un)?able to deliver|undeliverable|delivery (?:to|of|has) .{0,60}fail|permanent (?:fatal )?error|user unknown|unknown user|",
        r"recipient.{0,30}reject|does not exist|no such user|mailbox.{0,20}(?:full|unavailable|not found)|over quota|following (?:recipients?|addresses).{0,40}|returned (?:message|to you)|undelivered|transcript of session|",
        r"delivery attempts|host unknown|not listed in|invalid (?:recipient|address)|address(?:es)? failed|failed to deliver|unknown (?:recipient|address)|account.{0,20}disabled|エラー|届け|送信でき|配信でき"
    ))
});
/// The header of the mail that came back, also indented.
static CARRIES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?im)^[ >\t]{0,8}(?:received: |return-path: <|content-type: message/rfc822|x-originating-ip: )")
});

/// What programs put before the subject they answer; the colon tells it from a person's words about an absence.
static AUTO_PREFIX: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)^\s*(?:\[?auto(?:[- ]?(?:reply|response)|responder|svar|matic (?:reply|response)|mated (?:reply|response)|matische antwort|matisch antwoord|matisk(?:t)? svar|maattinen vastaus|matyczna odpowiedź|matická odpove[dď]ď?|matiska atbilde|matinis atsakymas|maatvastus)\]?|",
        r"out[ -]of[ -](?:the[ -])?office(?: (?:auto[- ]?reply|reply|message|notification))?|(?:on )?(?:vacation|holiday|leave)(?: (?:auto[- ]?)?(?:reply|response|notice|message))|away(?: from (?:the |my )?office| message| notice)|",
        r"abwesenheit(?:s(?:notiz|nachricht|meldung|benachrichtigung|hinweis|assistent|info|agent))?|abwesend|nicht im (?:büro|haus)|urlaubs(?:notiz|meldung|vertretung)|eingangsbestätigung|",
        r"réponse automatique|message d[’']absence|absence(?: du bureau)?|absent(?:e)? du bureau|notification d[’']absence|respuesta automática|fuera de (?:la )?oficina|ausencia(?: de la oficina)?|resposta automática|fora do escritório|ausência(?: temporária)?|",
        r"risposta automatica|fuori (?:sede|ufficio)|assenza(?: dall[’']ufficio)?|afwezig(?:heid(?:sbericht|smelding)?)?|niet aanwezig|frånvaro(?:meddelande)?|fraværs?(?:melding|besked|assistent)?|ikke til stede|ikke på kontoret|poissa(?: toimistosta)?|poissaoloilmoitus|",
        r"odpowiedź automatyczna|automatická odpověď|automatická odpoveď|respuesta de ausencia|nieobecność|poza biurem|mimo kancelář|nepřítomnost|mimo kancelárie|házon kívül|automatikus válasz|răspuns automat|автоматический ответ|автоответ|автоматична відповідь|нет на месте|вне офиса|автоматичен отговор|otomatik yanıt|ofis dışında|αυτόματη απάντηση|εκτός γραφείου|",
        r"automatski odgovor|samodejni odgovor|odsutnost|自動(?:応答|返信|回覆)|不在(?:通知|連絡)?|自动(?:答复|回复)|外出|자동 회신|부재 중|tự động trả lời|trả lời tự động|balasan otomatis|jawapan automatik|תשובה אוטומטית|מענה אוטומטי|رد تلقائي|ตอบกลับอัตโนมัติ",
        r")\s*(?:[:：]|-\s|\(re\b|$)"
    ))
});
/// Notes writes AUTO and a whole sentence.
static AUTO_NOTES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\s*(?:AUTO|Auto)\s?:.*(?i:out of (?:the )?office|returning|nicht im|abwesend|außer haus|zurück am|absent|de retour|fuera|ausente|assente|afwezig|poissa|frånvarande|fraværende|nieobecn|away|on (?:leave|vacation|holiday)|is out)",
    )
});
/// A person says something of himself, or asks.
static PERSON: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:i (?:keep|get|got|am getting|tried|cannot|can't|have|need|sent|think|see|don't)|i'm|we (?:keep|get|got|are|have|need|cannot|can't)|can (?:you|someone|anybody)|could you|please (?:help|look|check|fix|advise)|our|help me|any idea|ich (?:bekomme|habe|kann|erhalte)|wir (?:bekommen|haben|können|erhalten)|könn(?:en|t)(?:e|en)? (?:sie|ihr|du|mir)|bitte (?:prüfen|schau|helf)|je (?:reçois|ne|n'|suis)|nous (?:recevons|avons|ne)|pouvez[- ]vous|pourriez|recibo|no puedo|podr[ií]a|puede usted|ricevo|non riesco|potete|não consigo|recebo|poderia|ik (?:krijg|kan|heb)|wij krijgen|kunnen jullie)\b",
    )
});
static PROGRAM_SPEAKS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)qmail|this (?:is|message was) (?:the|an? )?(?:automatic|generated|created|mail)|mail (?:system|delivery|server|gateway)|do not reply|postmaster|reporting-mta|i'm (?:sorry|afraid)|we(?:'re| are) sorry|your message|votre message|ihre nachricht|su mensaje",
    )
});
static REPORT_SUBJECT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)report domain:|dmarc (?:aggregate )?report|tls-?rpt|tls report|aggregate report"));

/// What a mail is; `raw` are its bytes as received, needed for reports whose parts are broken. Looks at their first 256 KiB.
pub fn sign(mail: &Mail, raw: &[u8]) -> Sign {
    let raw = String::from_utf8_lossy(&raw[..raw.len().min(256 * 1024)]).replace('\r', "");
    let head = raw.find("\n\n").map_or(raw.as_str(), |end| &raw[..end]);
    let body = raw.get(head.len()..).unwrap_or_default();
    let report = report_type(mail);
    let decided =
        by_report(mail, &report, body).or_else(|| by_bounce(mail, &report, body)).or_else(|| by_headers(mail));
    let (kind, why) = decided.unwrap_or((Kind::Human, "nothing says that a machine wrote it".to_string()));
    // Where the text of a bounce shows, silence costs less than a loop.
    let telling = STATUS.is_match(body) || REPLY_CODE.is_match(body) || body.contains("\nReceived: ");
    let bounced = BOUNCE_SUBJECT.is_match(&mail.subject) || BOUNCE_BODY.is_match(body) && telling;
    let doubtful = bounced && !person_asks(mail);
    let mut sign = Sign {
        kind,
        may_answer: kind == Kind::Human && silence(mail).is_none() && !doubtful,
        why: silence(mail).filter(|_| kind == Kind::Human).unwrap_or(why),
        failed: Vec::new(),
        status: None,
        hard: None,
        original_message_id: None,
    };
    if kind == Kind::Bounce {
        bounce::read(&mut sign, mail, body);
    }
    sign
}

fn lower(mail: &Mail, name: &str) -> String {
    mail.header(name).unwrap_or_default().trim().to_lowercase()
}

fn report_type(mail: &Mail) -> String {
    let kind = lower(mail, "content-type");
    let compact: String = kind.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
    let named =
        compact.split_once("report-type=").map(|(_, rest)| rest.split(';').next().unwrap_or_default().to_string());
    named.unwrap_or_else(|| if compact.starts_with("multipart/report") { "unnamed".into() } else { String::new() })
}

fn by_report(mail: &Mail, report: &str, body: &str) -> Option<(Kind, String)> {
    let small = body.to_ascii_lowercase();
    let produced = small.contains("\ndisposition:")
        && (small.contains("final-recipient:") || small.contains("original-message-id:"));
    let kind = match report {
        "feedback-report" | "tlsrpt" => Some(report.to_string()),
        "disposition-notification" if produced => Some("a read receipt".to_string()),
        _ if small.contains("content-type: message/feedback-report") => Some("message/feedback-report".to_string()),
        _ if small.contains("\nx-hmxmroriginalrecipient:") => Some("a complaint of Outlook.com".to_string()),
        _ if mail.header("x-apple-unsubscribe").is_some() => Some("X-Apple-Unsubscribe".to_string()),
        _ if mail.header("tls-report-domain").is_some() => Some("TLS-Report-Domain".to_string()),
        _ if REPORT_SUBJECT.is_match(&mail.subject)
            && mail.attachments.iter().any(|a| packed(&a.content_type, &a.name)) =>
        {
            Some("a DMARC or TLS report".to_string())
        }
        _ => None,
    };
    kind.map(|why| (Kind::Report, why))
}

fn packed(content_type: &str, name: &str) -> bool {
    ["zip", "gzip", "xml", "tlsrpt"].iter().any(|word| content_type.contains(word))
        || [".gz", ".zip", ".xml", ".json"].iter().any(|end| name.to_lowercase().ends_with(end))
}

fn by_bounce(mail: &Mail, report: &str, body: &str) -> Option<(Kind, String)> {
    let small = body.to_ascii_lowercase();
    let status_part = small.contains("content-type: message/delivery-status")
        || small.contains("content-type: message/global-delivery-status");
    if report.starts_with("delivery-status") || status_part {
        return Some((Kind::Bounce, "message/delivery-status".to_string()));
    }
    if mail.header("x-failed-recipients").is_some() {
        return Some((Kind::Bounce, "X-Failed-Recipients".to_string()));
    }
    if ["\\\"notificationtype\\\":\\\"bounce", "\"notificationtype\":\"bounce", "\\\"eventtype\\\":\\\"bounce"]
        .iter()
        .any(|key| small.contains(key))
    {
        return Some((Kind::Bounce, "a notification of Amazon SES".to_string()));
    }
    let own_status =
        small.contains("\nfinal-recipient:") && (small.contains("\naction:") || small.contains("\nstatus:"));
    let from_daemon = from_daemon(mail);
    let null_path = mail.return_path.as_deref() == Some("")
        || lower(mail, "return-path").trim_matches(['<', '>', ' ']).is_empty() && mail.header("return-path").is_some();
    let null_path = null_path || mail.return_path.as_deref().is_some_and(|path| DAEMON.is_match(path));
    let subject = BOUNCE_SUBJECT.is_match(&mail.subject);
    let replied = auto_subject(&mail.subject) || lower(mail, "auto-submitted").starts_with("auto-replied");
    let telling = BOUNCE_BODY.is_match(body);
    let carries = CARRIES.is_match(body);
    let points = u8::from(carries)
        + 2 * u8::from(from_daemon)
        + u8::from(null_path)
        + u8::from(subject)
        + u8::from(telling)
        + 2 * u8::from(own_status)
        + u8::from(report == "unnamed")
        + u8::from(mail.header("x-mlserver").is_some());
    let enough =
        points >= 3 && (telling || subject || own_status || from_daemon) && !(replied && !from_daemon && !subject);
    enough.then(|| {
        (
            Kind::Bounce,
            if from_daemon { "from a mail daemon" } else { "no return path, and the text of a bounce" }.to_string(),
        )
    })
}

/// The author is a mail system: by its address, its name, or because it names no address at all.
fn from_daemon(mail: &Mail) -> bool {
    const NAMES: [&str; 6] =
        ["mail delivery", "mailer-daemon", "postmaster", "system administrator", "mail administrator", "mail system"];
    let written = lower(mail, "from");
    let nobody = mail.from.is_empty() && (written.contains("<>") || DAEMON.is_match(written.trim_matches(['<', '"'])));
    nobody
        || mail.from.iter().chain(mail.sender.iter()).any(|from| DAEMON.is_match(&from.address))
        || mail.from.iter().any(|from| NAMES.iter().any(|word| from.name.to_lowercase().contains(word)))
}

fn auto_subject(subject: &str) -> bool {
    AUTO_PREFIX.is_match(subject) || AUTO_NOTES.is_match(subject)
}

/// A person writes about mail that came back: in own words, or above what was forwarded.
fn person_asks(mail: &Mail) -> bool {
    let own = crate::mail::reply::from_plain(&mail.text.chars().take(4000).collect::<String>()).text;
    let head: String = own.chars().take(800).collect();
    !from_daemon(mail)
        && mail.return_path.as_deref() != Some("")
        && PERSON.is_match(&head)
        && !PROGRAM_SPEAKS.is_match(&head)
}

fn by_headers(mail: &Mail) -> Option<(Kind, String)> {
    let submitted = lower(mail, "auto-submitted");
    let answer = mail.headers.iter().find(|(name, value)| {
        let value = value.trim().to_lowercase();
        matches!(
            name.as_str(),
            "x-autoreply"
                | "x-autorespond"
                | "x-autoresponder"
                | "x-autoreply-from"
                | "x-mail-autoreply"
                | "x-auto-reply"
                | "x-vacation"
        ) && !matches!(value.as_str(), "no" | "false" | "0")
            || matches!(name.as_str(), "precedence" | "x-precedence")
                && matches!(value.as_str(), "auto_reply" | "auto-reply")
            || name == "delivered-to" && value == "autoresponder"
    });
    if submitted.starts_with("auto-replied") || answer.is_some() {
        return Some((Kind::AutoReply, answer.map_or("Auto-Submitted".to_string(), |(name, _)| name.clone())));
    }
    if auto_subject(&mail.subject) {
        return Some((Kind::AutoReply, "its subject is that of an automatic reply".to_string()));
    }
    if !submitted.is_empty() && !submitted.starts_with("no") {
        return Some((Kind::Generated, format!("Auto-Submitted: {}", submitted.chars().take(40).collect::<String>())));
    }
    let marked = ["x-fc-machinegenerated", "feedback-id", "x-ses-outgoing", "x-loop"]
        .into_iter()
        .find(|name| mail.header(name).is_some_and(|value| !value.trim().is_empty()));
    let listed = mail.header("list-id").is_some() || mail.header("list-post").is_some();
    let bulk = matches!(lower(mail, "precedence").as_str(), "bulk" | "junk");
    if bulk && !listed {
        return Some((Kind::Generated, "Precedence".to_string()));
    }
    if listed || lower(mail, "precedence") == "list" {
        return Some((Kind::List, "a mailing list".to_string()));
    }
    let no_reply = mail.from.iter().any(|from| {
        let local: String = from
            .address
            .split('@')
            .next()
            .unwrap_or_default()
            .to_lowercase()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        local.starts_with("noreply") || local.starts_with("donotreply") || local.starts_with("nepasrepondre")
    });
    match marked {
        Some(name) => Some((Kind::Generated, name.to_string())),
        None => no_reply.then(|| (Kind::Generated, "from a no-reply address".to_string())),
    }
}

/// A request not to answer; it proves nothing about who wrote the mail (Exchange puts it on people's mail too).
fn silence(mail: &Mail) -> Option<String> {
    let suppress = lower(mail, "x-auto-response-suppress");
    let asked =
        ["all", "autoreply", "oof", "dr"].iter().any(|word| suppress.split([',', ' ', ';']).any(|part| part == *word));
    if asked {
        return Some("X-Auto-Response-Suppress".to_string());
    }
    let null_path = mail.return_path.as_deref() == Some("")
        || mail.return_path.as_deref().is_some_and(|path| DAEMON.is_match(path));
    if null_path {
        return Some("no return path".to_string());
    }
    if matches!(lower(mail, "precedence").as_str(), "bulk" | "list" | "junk" | "auto_reply") {
        return Some("Precedence".to_string());
    }
    if ["list-id", "list-unsubscribe", "list-post"].iter().any(|name| mail.header(name).is_some()) {
        return Some("a mailing list".to_string());
    }
    let daemon =
        mail.from.is_empty() || mail.from.iter().any(|from| DAEMON.is_match(&from.address) || from.address.is_empty());
    daemon.then(|| "no person's address in From".to_string())
}
