//! What the address of a contact is: of a mail (`jane@acme.example`), a telephone (`+13125550100`), or a person in a chat (`chat:NAME/ID`).

const CHAT: &str = "chat:";

/// Whether an address of a contact is a telephone number.
pub fn is_phone(address: &str) -> bool {
    address.starts_with('+') && !address.contains('@')
}

/// Whether it is somebody's in a chat.
pub fn is_chat(address: &str) -> bool {
    address.starts_with(CHAT)
}

/// Whether mail can be written to it.
pub fn is_mail(address: &str) -> bool {
    !is_phone(address) && !is_chat(address)
}

/// The address of the person whom the platform calls `id` in the chat of that name; lower case, as all addresses are.
pub fn in_chat(chat: &str, id: &str) -> String {
    format!("{CHAT}{chat}/{id}").to_lowercase()
}

/// As people are shown it: without the word that only sets it apart from others.
pub fn shown(address: &str) -> &str {
    address.strip_prefix(CHAT).unwrap_or(address)
}
