//! What technicians read, word for word.

use super::first;

#[test]
fn assignment_reads_like_this() {
    insta::assert_snapshot!(first("assignment"), @r##"
    #1042 Acme Dental: Front desk printer is down

    Please write above this line

    #1042 is yours: P2 degradation, Acme Dental.
    First answer due today 14:45 CST (in 40 min).

    CAREFUL, sensitive request. The sender is NOT verified and NOT an approver of
    this client.
    Before #done it needs #approve (may approve: Jane Roe
    <jane@acme-dental.example>) or #verified by phone.

    The sender is not verified: the domain acme-dental.example signs its mail, but
    this mail is not signed.

    Subject: Front desk printer is down
    From: Jane Roe <jane@acme-dental.example>, today 13:45

      | Hi,
      |
      | the printer at the front desk shows "offline" since this morning. Patients are waiting for their papers, we write them by hand now.
      |
      | Could somebody look at it today?
      |
      | Thanks
      | Jane

    Attached: photo.jpg
    Too large for this mail: video.mov
    Pictures of the signature, left out: image001.png
    In Cc, not added to the ticket: bob@printers.example

    Contact: Jane Roe, +1 312 555 0100, jane@acme-dental.example, manager, approver
    Earlier tickets: 4
      #1017 Scanner does not mail (resolved, Thu 19 Nov, 14:05)
    Environment:
      | Two sites, one line each (ISP 0800 555 0111, contract 4711).
      | Print server: ps1, reachable by VPN only.
    Runbook: Printers: https://wiki.northwind.example/printers
    Similar, resolved:
      #871 Label printer offline
      | DHCP lease ran out; fixed address set on the print server.
    Billed as: retainer · Acme: 6h10 of 10–20h used in November
    Rule "device down" on the words: printer, offline
    Solution due tomorrow 18:05 CST (in 28 h)
    Why you: has the skill network and the lightest load

    --
    A plain reply goes to Jane Roe.
    One tap:
      Take it: mailto:…&body=%23take%0D%0A
      Verified by phone: mailto:…&body=%23verified%20by%20phone%0D%0A
      Wait for client: mailto:…&body=%0D%0A%0D%0A%23wait%20client%0D%0A
    "##);
}

#[test]
fn reassignment_reads_like_this() {
    insta::assert_snapshot!(first("reassignment"), @r##"
    #1042 Acme Dental: Front desk printer is down

    Please write above this line

    #1042 is now yours, from Ana Lima: P2 degradation, Acme Dental.
    Ana Lima: needs somebody on site
    First answer due today 14:45 CST (in 40 min).

    Subject: Front desk printer is down
    From: Jane Roe <jane@acme-dental.example>, today 13:45

      | Hi,
      |
      | the printer at the front desk shows "offline" since this morning. Patients are waiting for their papers, we write them by hand now.
      |
      | Could somebody look at it today?
      |
      | Thanks
      | Jane

    Attached: photo.jpg
    Too large for this mail: video.mov
    Pictures of the signature, left out: image001.png
    In Cc, not added to the ticket: bob@printers.example

    Contact: Jane Roe, +1 312 555 0100, jane@acme-dental.example, manager, approver
    Earlier tickets: 4
      #1017 Scanner does not mail (resolved, Thu 19 Nov, 14:05)
    Environment:
      | Two sites, one line each (ISP 0800 555 0111, contract 4711).
      | Print server: ps1, reachable by VPN only.
    Runbook: Printers: https://wiki.northwind.example/printers
    Similar, resolved:
      #871 Label printer offline
      | DHCP lease ran out; fixed address set on the print server.
    Billed as: retainer · Acme: 6h10 of 10–20h used in November
    Rule "device down" on the words: printer, offline
    Solution due tomorrow 18:05 CST (in 28 h)
    Why you: has the skill network and the lightest load

    --
    A plain reply goes to Jane Roe.
    One tap:
      Take it: mailto:…&body=%23take%0D%0A
      Done, 15 min: mailto:…&body=%0D%0A%0D%0A%23done%2015m%0D%0A
      Wait for client: mailto:…&body=%0D%0A%0D%0A%23wait%20client%0D%0A
    "##);
}

#[test]
fn client_message_reads_like_this() {
    insta::assert_snapshot!(first("client_message"), @r##"
    #1042 Acme Dental: Front desk printer is down

    Please write above this line

    Jane Roe wrote on #1042, today 14:02:

      | It prints again, but every page comes out twice now.

    Attached: page.pdf
    Too large for this mail: video.mov

    Answer due today 15:02 CST (in 57 min).
    The ticket was resolved and is open again.
    Nobody has this ticket yet.
    Kept as an internal note: mallory@elsewhere.example is not on this ticket.
    To let this person in, answer with a line: #cc mallory@elsewhere.example
    The sender is not verified: the mail is not signed.

    P2 degradation, new, Acme Dental, with Sam Ortiz
    --
    A plain reply is an internal note; the client does not see it.
    One tap:
      Take it: mailto:…&body=%23take%0D%0A
      Done, 15 min: mailto:…&body=%0D%0A%0D%0A%23done%2015m%0D%0A
      Wait for client: mailto:…&body=%0D%0A%0D%0A%23wait%20client%0D%0A
    "##);
}

#[test]
fn reminder_reads_like_this() {
    insta::assert_snapshot!(first("reminder"), @r##"
    #1042 Acme Dental: Front desk printer is down

    Please write above this line

    The first answer on #1042 is due today 14:35 CST (in 30 min).
    P2 degradation, Acme Dental.

    Subject: Front desk printer is down
    From: Jane Roe <jane@acme-dental.example>, today 13:45

      | Hi,
      |
      | the printer at the front desk shows "offline" since this morning. Patients are waiting for their papers, we write them by hand now.
      |
      | Could somebody look at it today?
      |
      | Thanks
      | Jane

    --
    A plain reply is an internal note; the client does not see it.
    One tap:
      Take it: mailto:…&body=%23take%0D%0A
      Done, 15 min: mailto:…&body=%0D%0A%0D%0A%23done%2015m%0D%0A
      Wait for client: mailto:…&body=%0D%0A%0D%0A%23wait%20client%0D%0A
    "##);
}

#[test]
fn escalation_reads_like_this() {
    insta::assert_snapshot!(first("escalation"), @r##"
    #1042 Acme Dental: Front desk printer is down

    Please write above this line

    MISSED on #1042: nobody has answered the client yet.
    It was due today 13:50 CST (15 min ago). Reminder number 1.
    P2 degradation, Acme Dental, with Sam Ortiz.
    Told: Sam Ortiz, Mo Reed

    Subject: Front desk printer is down
    From: Jane Roe <jane@acme-dental.example>, today 13:45

      | Hi,
      |
      | the printer at the front desk shows "offline" since this morning. Patients are waiting for their papers, we write them by hand now.
      |
      | Could somebody look at it today?
      |
      | Thanks
      | Jane

    --
    A plain reply is an internal note; the client does not see it.
    One tap:
      Take it: mailto:…&body=%23take%0D%0A
      I have seen this: mailto:…&body=%23ack%0D%0A
      Done, 15 min: mailto:…&body=%0D%0A%0D%0A%23done%2015m%0D%0A
    "##);
}

#[test]
fn receipt_reads_like_this() {
    insta::assert_snapshot!(first("receipt"), @r##"
    #1042 Acme Dental: Front desk printer is down

    Please write above this line

    #1042 answer sent to Jane Roe · resolved · 25m retainer · Acme: 6h10 of 10–20h
    used in November
    The words beside #approve went to nobody: neither the approver nor the client.
    Add #reply to send them to the client.
    Not sent along, as nothing tells whether they belong to the quoted mail:
    image001.png. Attach them as files.
    Not to be put into the chat teams: manual.pdf. Your answer goes to
    jane@acme-dental.example by mail as well, with all its files.
    Too large to send along: driver-pack.zip

    Not resolved yet: 45m are logged, and more than 30 minutes need a resolution
    note of at least a sentence. Your answer and your time are kept. Reply with

    #fix cause and cure

      Write the note: mailto:…&body=%23fix%20%0D%0A
    How long did it take? Reply with #time 25m, or one tap:
      15 min: mailto:…&body=%23time%2015m%0D%0A
      30 min: mailto:…&body=%23time%2030m%0D%0A
      1 h: mailto:…&body=%23time%201h%0D%0A
      2 h: mailto:…&body=%23time%202h%0D%0A
    Undo: mailto:…&body=%23undo%0D%0A

    --
    A plain reply is an internal note; the client does not see it.
    "##);
}

#[test]
fn not_sent_reads_like_this() {
    insta::assert_snapshot!(first("not_sent"), @r##"
    NOT SENT #1042 Acme Dental: Front desk printer is down

    Please write above this line

    NOT SENT, because of this line:

      #time 2

    2 can mean 2 minutes or 2 hours; write #time 2m or #time 2h

    Nothing of your mail was done, and nothing went to the client.
    To send it put right, copy this into a reply:

    Hi Jane,

    the print server had lost its network address. I gave it a fixed one, and the printer works again.

    Sam

    #time 2h

    One tap:
      Send it corrected: mailto:…&body=Hi%20Jane%2C%0D%0A%0D%0Athe%20print%20server%20had%20lost%20its%20network%20address.%20I%20gave%20it%20a%20fixed%20one%2C%20and%20the%20printer%20works%20again.%0D%0A%0D%0ASam%0D%0A%0D%0A%23time%202h%0D%0A
    "##);
}

#[test]
fn not_sent_reminder_reads_like_this() {
    insta::assert_snapshot!(first("not_sent_reminder"), @r##"
    NOT SENT Re: Front desk printer is down

    Please write above this line

    STILL NOT SENT: your mail of today 13:50 waits, because of this line:

      #time 2

    2 can mean 2 minutes or 2 hours; write #time 2m or #time 2h

    Nothing of your mail was done, and nothing went to the client.
    Write it once more, as an answer to the same mail as before, with that put
    right. An answer to this mail stays internal.
    "##);
}

#[test]
fn confirmation_reads_like_this() {
    insta::assert_snapshot!(first("confirmation"), @r##"
    Please confirm: Acme: switch replaced

    Please write above this line

    Was this mail yours? "Acme: switch replaced", today 14:03.

    If it was, reply to this mail with ok: it then counts from the moment it
    arrived. If it was not, do nothing.

    It would:
      - open a ticket for Acme Dental
      - log 1h15 retainer

      | Replaced the switch in the server room.

    One tap:
      Yes, this was me: mailto:…&body=ok%0D%0A
    "##);
}

#[test]
fn unverified_reads_like_this() {
    insta::assert_snapshot!(first("unverified"), @r##"
    NOT SENT #1042 Acme Dental: Front desk printer is down

    Please write above this line

    Your mail "Re: #1042 Acme Dental: Front desk printer is down" (today 14:03)
    could not be verified as yours.

    Why: your mail carries no DKIM signature of northwind.example

    Way out: Send it again through smtp.northwind.example; mail from there is
    signed.

    Nothing went to the client. Its text is kept as an internal comment on #1042.

      | Hi Jane,
      |
      | the print server had lost its network address. I gave it a fixed one, and the printer works again.
      |
      | Sam
    "##);
}

#[test]
fn help_reads_like_this() {
    insta::assert_snapshot!(first("help"), @r##"
    #1042 Acme Dental: Front desk printer is down

    Please write above this line

    Write a line of its own in a reply; any other text goes where the last line of
    the mail you answer says.

    #done [25m] [category]
        resolve, and log time; your text goes to the client
    #time 1h15 [category] [day] [note]
        log time
    #take
        it is yours
    "##);
}

#[test]
fn gathered_reads_like_this() {
    insta::assert_snapshot!(first("gathered"), @r##"
    4 more things for you

    Please write above this line

    Over 20 mails within 10 min were for you, so these came together. Reply with
    the lines you want done, for example: #1042 take

    #1042 P2 Acme Dental: Front desk printer is down
        yours, due today 14:45 CST (in 40 min), attached: photo.jpg
    #1043 P2 client unknown: Front desk printer is down
        the client wrote, open, with Ana Lima
    #1042 P2 Acme Dental: Front desk printer is down
        a deadline comes near, due today 14:45 CST (in 40 min)
    A mail could not be read
        a mail could not be read

    ==== #1042 Front desk printer is down

    Hi,

    the printer at the front desk shows "offline" since this morning. Patients are waiting for their papers, we write them by hand now.

    Could somebody look at it today?

    Thanks
    Jane

    #1042 take

    ==== #1043 Front desk printer is down

    It is number 12.

    #1043 take

    ==== A mail could not be read

    Inbound 771 is set aside.
    "##);
}
