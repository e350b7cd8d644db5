//! Logs: text or JSON on stderr, or the journal; what strangers wrote cannot break a line or move the cursor.

use std::io::{self, Write};
use std::panic::PanicHookInfo;

use anyhow::Context;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Text,
    Json,
    /// Text on stderr where there is no journal.
    Journald,
}

/// Sets up the log of the process; once. `level` is a word (`info`) or a list (`info,deskd::outbox=debug`); `RUST_LOG` wins over it.
pub fn start_logs(format: Format, level: &str) -> anyhow::Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(&text).with_context(|| format!("RUST_LOG: \"{text}\""))?,
        // What the chat library says of its own accord is nothing that an operator can use.
        _ => EnvFilter::try_new(format!("serenity=warn,{level}")).with_context(|| format!("log level: \"{level}\""))?,
    };
    let (layer, missing) = match format {
        Format::Text => (text().boxed(), None),
        Format::Json => (fmt::layer().json().flatten_event(true).with_writer(Escaping(io::stderr)).boxed(), None),
        Format::Journald => match tracing_journald::layer() {
            Ok(layer) => (layer.boxed(), None),
            Err(error) => (text().boxed(), Some(error)),
        },
    };
    tracing_subscriber::registry().with(filter).with(layer).try_init().context("the log is set up already")?;
    if let Some(error) = missing {
        tracing::warn!(%error, "the journal cannot be reached ({error}): logging to stderr");
    }
    Ok(())
}

fn text<S>() -> impl Layer<S>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    fmt::layer().with_ansi(false).with_writer(Escaping(io::stderr))
}

/// A panic becomes an error line that names the place. The text of a panic may quote the mail that caused it, so it is cut at the first quote.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let (place, what) = (place(panic), what(panic));
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        tracing::error!(panic.place = place, thread.name = thread, "panic at {place}: {what}");
    }));
}

fn place(panic: &PanicHookInfo<'_>) -> String {
    panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string)
}

fn what<'p>(panic: &'p PanicHookInfo<'_>) -> &'p str {
    let text = panic.payload_as_str().unwrap_or_default();
    let cut = text.find(['"', '\'', '`']).unwrap_or(text.len());
    let cut = text.char_indices().nth(120).map_or(cut, |(at, _)| cut.min(at));
    text.get(..cut).unwrap_or_default()
}

/// Makes writers that write control characters and characters that turn the direction of text as escapes (`\u{1b}`).
#[derive(Debug, Clone)]
pub struct Escaping<M>(pub M);

/// One event is one `write`, which ends in the only newline that stays one.
#[derive(Debug)]
pub struct EscapingWriter<W>(W);

impl<'w, M: MakeWriter<'w>> MakeWriter<'w> for Escaping<M> {
    type Writer = EscapingWriter<M::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        EscapingWriter(self.0.make_writer())
    }
}

impl<W: Write> Write for EscapingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let (line, end) = match text.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (text.as_ref(), ""),
        };
        if !line.contains(dangerous) {
            self.0.write_all(bytes)?;
            return Ok(bytes.len());
        }
        let mut clean = String::with_capacity(text.len() + 16);
        for character in line.chars() {
            match dangerous(character) {
                true => clean.extend(character.escape_unicode()),
                false => clean.push(character),
            }
        }
        clean.push_str(end);
        self.0.write_all(clean.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
