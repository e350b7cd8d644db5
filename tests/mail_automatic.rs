//! Signs of automatic mail, measured on public bounces, replies and reports.

use deskd::mail::automatic::{Kind, sign};
use serde_json::Value;

use deskd::mail::parse::parse as mail;

use crate::harness::{say, testdata};

fn matches(label: &str, kind: Kind) -> bool {
    match label {
        "bounce" | "delayed" => kind == Kind::Bounce,
        "auto-reply" => kind == Kind::AutoReply,
        "feedback-report" | "machine-report" => kind == Kind::Report,
        "human" | "read-receipt-request" => kind == Kind::Human,
        "bounce-unparsable-or-other" => kind != Kind::Human,
        _ => kind != Kind::Bounce,
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one walk over the cases, with every figure counted on the way")]
fn public_automatic_mails_are_recognised() {
    let Some(folder) = testdata("auto-bounce") else { return };
    let labels: Vec<Value> = serde_json::from_slice(&std::fs::read(folder.join("labels.json")).unwrap()).unwrap();
    let (mut right, mut answers, mut answered_bounces, mut listed, mut addresses) = (0, 0, 0, 0, 0);
    let (mut coded, mut codes, mut graded, mut hard) = (0, 0, 0, 0);
    let mut wrong = Vec::new();
    for entry in &labels {
        let name = entry["file"].as_str().unwrap();
        let raw = std::fs::read(folder.join(name)).unwrap();
        let found = sign(&mail(&raw), &raw);
        let label = entry["label"].as_str().unwrap();
        let fits = matches(label, found.kind);
        right += usize::from(fits);
        if !fits {
            wrong.push(format!("{name}: {label}, got {:?} ({})", found.kind, found.why));
        }
        let answer = entry["send_auto_response"].as_str().unwrap();
        let fits = answer == "?" || (answer == "yes") == found.may_answer;
        answers += usize::from(fits);
        if !fits {
            wrong.push(format!("{name}: answer {answer}"));
        }
        answered_bounces += usize::from(found.may_answer && matches!(label, "bounce" | "delayed"));
        let details = &entry["details"];
        if let (Some(permanent), Some(temporary)) = (details["permanent"].as_array(), details["temporary"].as_array()) {
            let mut want: Vec<String> =
                permanent.iter().chain(temporary).map(|v| v.as_str().unwrap().to_lowercase()).collect();
            want.sort();
            want.dedup();
            let mut got = found.failed.clone();
            got.sort();
            listed += 1;
            addresses += usize::from(got == want);
            if got != want {
                wrong.push(format!("{name}: addresses {got:?}, want {want:?}"));
            }
        }
        if let Some(first) =
            details["recipients"].as_array().and_then(|list| list.first()).filter(|_| label == "bounce")
        {
            let code = first["dsn"].as_str().unwrap_or_default();
            // Codes such as 5.0.911 are the labels' own invention; a mail can only be read for one that it carries.
            let carried = !code.is_empty() && (raw.windows(code.len()).any(|window| window == code.as_bytes()));
            coded += usize::from(carried);
            codes += usize::from(carried && found.status.as_deref() == Some(code));
            if carried && found.status.as_deref() != Some(code) {
                wrong.push(format!("{name}: status {:?}, want {code}", found.status));
            }
            graded += 1;
            let fits = found.hard.unwrap_or(false) == first["hard"].as_bool().unwrap_or(false);
            hard += usize::from(fits);
            if !fits {
                wrong.push(format!("{name}: hard {:?}, {} {:?}", found.hard, first["reason"], found.status));
            }
        }
    }
    say(&format!(
        "automatic: label {right} of {}, answer {answers}, answered bounces {answered_bounces}, addresses {addresses} of {listed}, status {codes} of {coded}, hard {hard} of {graded}",
        labels.len()
    ));
    if std::env::var_os("DESKD_SHOW").is_some() {
        println!("{wrong:#?}");
    }
    assert_eq!(answered_bounces, 0);
    assert!(right * 100 >= labels.len() * 97 && answers * 1000 >= labels.len() * 985, "{wrong:#?}");
    assert!(codes * 100 >= coded * 90 && hard * 100 >= graded * 85 && addresses * 100 >= listed * 90, "{wrong:#?}");
}

fn from_jane(subject: &str, more: &str, body: &str) -> deskd::mail::automatic::Sign {
    let raw = format!(
        "Return-Path: <jane@acme.example>\nFrom: Jane Roe <jane@acme.example>\nTo: desk@msp.example\n{subject}{more}\
         Date: Wed, 4 Mar 2026 05:06:07 +0100\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{body}\n"
    );
    sign(&mail(raw.as_bytes()), raw.as_bytes())
}

#[test]
fn a_person_is_answered_also_without_a_subject() {
    for subject in ["", "Subject: \n", "Subject: (no subject)\n"] {
        let found = from_jane(subject, "", "The printer is on fire.");
        assert_eq!((found.kind, found.may_answer), (Kind::Human, true), "{subject:?}: {}", found.why);
    }
}

#[test]
fn a_person_who_writes_about_returned_mail_or_absence_is_a_person() {
    for (subject, body) in [
        (
            "Undeliverable mail to our supplier",
            "Hi, I keep getting bounces when I mail them: 550 5.1.1 user unknown. Can you look?",
        ),
        (
            "Unzustellbar: Angebot",
            "Guten Tag, ich bekomme seit heute Fehler: 550 5.7.1 recipient rejected. Bitte prüfen.",
        ),
        (
            "Fwd: Undelivered Mail Returned to Sender",
            "We got this when we mailed Kim, please help.\n\n---------- Forwarded message ---------\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example>\nSubject: Undelivered Mail\n\n550 5.1.1 user unknown",
        ),
        ("My out of office does not work", "How do I switch on my automatic reply in Outlook?"),
        ("Abwesenheit von Frau Müller ab Montag", "Bitte ihr Postfach an mich weiterleiten."),
        ("Auto: company car navigation", "It shows an old map."),
        ("Automatic reply texts for the holidays", "Please set them for all of us."),
        ("Vacation calendar is empty", "Nobody sees it."),
    ] {
        let found = from_jane(&format!("Subject: {subject}\n"), "", body);
        assert_eq!((found.kind, found.may_answer), (Kind::Human, true), "{subject}: {}", found.why);
    }
}

#[test]
fn absence_notes_without_any_header_are_known_by_their_subject() {
    for subject in [
        "Abwesenheitsnotiz: [#42] Drucker",
        "Automatische Antwort: Re: Drucker",
        "Abwesenheit: Drucker",
        "Réponse automatique : [#42] Imprimante",
        "Absence du bureau : Imprimante",
        "Fuera de la oficina: impresora",
        "Respuesta automática: impresora",
        "Resposta automática: impressora",
        "Risposta automatica: stampante",
        "Fuori sede: stampante",
        "Automatisch antwoord: printer",
        "Afwezig: printer",
        "Autosvar: skrivare",
        "Automatiskt svar: skrivare",
        "Automatisk svar: printer",
        "Automaattinen vastaus: tulostin",
        "Odpowiedź automatyczna: drukarka",
        "Automatyczna odpowiedź: drukarka",
        "Automatická odpověď: tiskárna",
        "Automatikus válasz: nyomtató",
        "Автоматический ответ: принтер",
        "Otomatik yanıt: yazıcı",
        "自動応答: プリンター",
        "自动答复: 打印机",
        "자동 회신: 프린터",
        "Out of Office: Re: printer",
        "Out of office",
        "Automatic reply: printer",
        "AUTO: Mary Smith is out of the office (returning 03/09/2026)",
        "AUTO: Uwe Kern ist außer Haus (Rückkehr am 09.03.2026)",
        "Vacation reply",
        "Away from my office: printer",
    ] {
        let found = from_jane(&format!("Subject: {subject}\n"), "", "I am away until 9 March.");
        assert_eq!((found.kind, found.may_answer), (Kind::AutoReply, false), "{subject}: {}", found.why);
    }
}

#[test]
fn machines_that_say_so_are_never_answered() {
    for more in [
        "Auto-Submitted: auto-replied\n",
        "Auto-Submitted: auto-generated (rejected)\n",
        "auto-submitted: auto-notified; owner-email=\"x@y.example\"\n",
        "X-Auto-Response-Suppress: All\n",
        "Precedence: bulk\n",
        "Precedence: auto_reply\n",
        "X-Autoreply: yes\n",
        "X-Autorespond: vacation\n",
        "List-Id: <news.acme.example>\n",
        "List-Unsubscribe: <mailto:u@acme.example>\n",
    ] {
        assert!(!from_jane("Subject: Re: printer\n", more, "Thank you for your message.").may_answer, "{more}");
    }
    assert!(from_jane("Subject: Re: printer\n", "Auto-Submitted: no\n", "Thank you.").may_answer);
}

#[test]
fn the_address_we_wrote_to_is_the_one_that_failed() {
    let raw = "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: desk@msp.example\nSubject: Returned\nMIME-Version: 1.0\n\
        Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nfailed\n\
        --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nOriginal-Recipient: rfc822;jane@acme.example\n\
        Final-Recipient: rfc822;jroe@internal.acme.example\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 5.1.1\n <jroe> no such user\n\n\
        Final-Recipient: rfc822;kim@acme.example\nAction: delivered\nStatus: 2.0.0\n\n--b--\n";
    let found = sign(&mail(raw.as_bytes()), raw.as_bytes());
    assert_eq!(found.failed, ["jane@acme.example"]);
    assert_eq!((found.status.as_deref(), found.hard), (Some("5.1.1"), Some(true)));
}
