//! Mail domains that anybody can have an address at: no client owns them.

/// The largest public mail providers, worldwide.
const PUBLIC: &[&str] = &[
    "126.com", "163.com", "aim.com", "alice.it", "aol.com", "att.net", "bellsouth.net", "bigpond.com", "bk.ru", "bluewin.ch",
    "bt.com", "btinternet.com", "charter.net", "comcast.net", "cox.net", "docomo.ne.jp", "duck.com", "earthlink.net",
    "fastmail.com", "foxmail.com", "free.fr", "freenet.de", "gmail.com", "gmx.at", "gmx.ch", "gmx.com", "gmx.de", "gmx.net",
    "googlemail.com", "hey.com", "hotmail.co.uk", "hotmail.com", "hotmail.de", "hotmail.fr", "hotmail.it", "hushmail.com",
    "icloud.com", "inbox.com", "inbox.ru", "laposte.net", "libero.it", "list.ru", "live.ca", "live.co.uk", "live.com",
    "live.nl", "mac.com", "mail.com", "mail.de", "mail.ru", "mailbox.org", "me.com", "msn.com", "naver.com", "o2.pl",
    "optonline.net", "orange.fr", "outlook.com", "outlook.de", "outlook.fr", "pm.me", "posteo.de", "proton.me",
    "protonmail.com", "qq.com", "rediffmail.com", "rocketmail.com", "rogers.com", "sbcglobal.net", "seznam.cz", "sfr.fr",
    "shaw.ca", "sina.com", "sky.com", "sympatico.ca", "t-online.de", "telenet.be", "tiscali.it", "tuta.com", "tutanota.com",
    "uol.com.br", "verizon.net", "virgilio.it", "wanadoo.fr", "web.de", "wp.pl", "xtra.co.nz", "yahoo.ca", "yahoo.co.in",
    "yahoo.co.jp", "yahoo.co.uk", "yahoo.com", "yahoo.com.br", "yahoo.de", "yahoo.es", "yahoo.fr", "yahoo.it", "yandex.com",
    "yandex.ru", "ymail.com", "ziggo.nl", "zoho.com",
];

/// `domain` in lower case.
pub fn is_public(domain: &str) -> bool {
    PUBLIC.contains(&domain)
}
