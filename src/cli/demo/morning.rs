//! The working morning of the example firm: who writes what, in which order.

/// One thing that happens.
pub struct Scene {
    /// Told before it happens.
    pub what: &'static str,
    pub mail: Mail,
}

pub enum Mail {
    /// Somebody writes a new mail.
    New(Letter),
    /// The very same bytes as an earlier scene's (counted from 0), delivered once more.
    Again(usize),
    /// Somebody answers the newest mail of this kind that deskd sent about that request.
    Answer { to: Sent, text: &'static str, automatic: bool },
}

pub struct Letter {
    pub name: &'static str,
    pub address: &'static str,
    pub subject: &'static str,
    pub text: &'static str,
    /// More header lines.
    pub header: &'static [&'static str],
}

/// Picks a mail in the folder of sent ones.
pub struct Sent {
    pub kind: &'static str,
    /// Words of its subject.
    pub about: &'static str,
}

const fn new(
    what: &'static str,
    (name, address): (&'static str, &'static str),
    subject: &'static str,
    text: &'static str,
    header: &'static [&'static str],
) -> Scene {
    Scene { what, mail: Mail::New(Letter { name, address, subject, text, header }) }
}

const fn answer(what: &'static str, kind: &'static str, about: &'static str, text: &'static str) -> Scene {
    Scene { what, mail: Mail::Answer { to: Sent { kind, about }, text, automatic: false } }
}

const JANE: (&str, &str) = ("Jane Roe", "jane@acme-dental.example");
const BOB: (&str, &str) = ("Bob Stone", "bob@acme-dental.example");
const MARY: (&str, &str) = ("Mary Quinn", "mary@lakeside-law.example");

pub const SCENES: &[Scene] = &[
    new(
        "Acme Dental: nobody can work",
        JANE,
        "Server down, nobody can work",
        "Hello,\n\nsince ten minutes ago the server is down and nobody at the front desk can work. Patients are waiting.\n\nJane",
        &[],
    ),
    new(
        "Acme Dental: a printer",
        BOB,
        "Printer on the second floor leaves grey stripes",
        "Hi,\n\nthe printer on the second floor leaves grey stripes on every page. No hurry, we use the other one meanwhile.\n\nBob",
        &[],
    ),
    new(
        "Lakeside Law: a new colleague starts on Monday",
        MARY,
        "New employee starts on Monday",
        "Good morning,\n\nTom Hale is our new employee and starts on Monday. He needs a laptop, a mailbox and access to the case files.\n\nThanks\nMary Quinn",
        &[],
    ),
    Scene { what: "Bob's mail server delivers the printer mail a second time", mail: Mail::Again(1) },
    Scene {
        what: "Bob has gone to lunch: his mail program answers the acknowledgement",
        mail: Mail::Answer {
            to: Sent { kind: "acknowledgement", about: "grey stripes" },
            text: "I am out of the office until 1 pm.",
            automatic: true,
        },
    },
    answer(
        "the tech answers the outage from the inbox: #done and the time",
        "assignment",
        "Server down",
        "Hello Jane,\n\nthe power supply of the switch in the server room had died; it is replaced and the server is reachable again.\n\n#done 25m",
    ),
    new(
        "Lakeside Law: a new phone, and MFA with it (a request that needs care)",
        MARY,
        "MFA reset, I have a new phone",
        "Hi,\n\nI have a new phone. Please reset my MFA so that I can sign in again.\n\nMary",
        &[],
    ),
    new(
        "somebody whom nobody knows",
        ("Pat Doe", "pat.doe@mail.example"),
        "Question about your prices",
        "Hello, what would you charge for looking after twelve computers?\n\nPat",
        &[],
    ),
    new(
        "Bergmann Maschinenbau writes in German",
        ("Klaus Bergmann", "klaus@bergmann.example"),
        "Internet in der Werkhalle sehr langsam",
        "Guten Morgen,\n\ndas Internet in der Werkhalle ist seit heute früh sehr langsam. Können Sie sich das bitte ansehen?\n\nMit freundlichen Grüßen\nKlaus Bergmann",
        &[],
    ),
    new(
        "the monitoring of Acme Dental",
        ("Monitoring", "monitoring@acme-dental.example"),
        "[WARNING] FS01: volume D: 92 % used",
        "Host FS01\nService disk D:\nState WARNING, 92 % used (limit 90 %)",
        &["Auto-Submitted: auto-generated"],
    ),
    answer(
        "the tech asks Bob back and lets the clock wait",
        "assignment",
        "grey stripes",
        "Hi Bob,\n\nare the stripes there from both paper trays, or from one of them only?\n\n#wait client",
    ),
    answer(
        "Bob answers in the same thread",
        "relay",
        "grey stripes",
        "Only from the lower tray. The upper one prints well.\n\nBob",
    ),
    answer(
        "the tech has called Mary back on the known number, and is done",
        "assignment",
        "MFA reset",
        "Hi Mary,\n\nyour MFA is reset; the next sign-in asks you to register the new phone.\n\n#verified by phone\n#done 10m",
    ),
];
