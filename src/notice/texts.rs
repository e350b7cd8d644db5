//! All templates and words, compiled once: built in, and overridden by a folder, per language with English behind each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

use super::format::{one_line, paragraphs, quote, tidy, wrap};
use super::language::{WordProblem, Words};
use super::templates::{BUILT_IN, WORDS};
use super::{Notice, Rendered, samples};

const ENGLISH: &str = "en";
const KINDS: [&str; 4] = ["subject", "txt", "html", "sms"];

/// Templates and words of every language. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Texts {
    languages: Arc<BTreeMap<String, Language>>,
    /// Nothing but our own English: what a text falls back to when an overridden template fails.
    built_in: Arc<Language>,
}

struct Language {
    templates: Environment<'static>,
    words: Words,
}

/// What is wrong with an override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextProblem {
    pub file: PathBuf,
    /// From 1; `None` when the whole file is meant.
    pub line: Option<usize>,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// An override as found in the folder.
struct Override {
    language: String,
    /// `receipt.txt`
    name: String,
    file: PathBuf,
    source: String,
}

impl Texts {
    /// `folder` may hold `templates/LANG/NAME.{subject,txt,html,sms}` and `texts/LANG.toml`, any part of them. Each override is
    /// compiled and rendered once with sample facts; all problems are reported together. `marker` is `mail::reply::MARKER`,
    /// below which nothing of a reply counts.
    pub fn load(folder: Option<&Path>, marker: &str) -> Result<Texts, Vec<TextProblem>> {
        let built_in = Language::built_in(marker).map_err(|problem| vec![problem])?;
        let mut languages = BTreeMap::new();
        let mut problems = Vec::new();
        let (overrides, word_files) = match folder {
            Some(folder) => find(folder, &mut problems),
            None => (Vec::new(), BTreeMap::new()),
        };
        let mut names: BTreeSet<&str> = BTreeSet::from([ENGLISH]);
        names.extend(overrides.iter().map(|one| one.language.as_str()));
        names.extend(word_files.keys().map(String::as_str));
        for name in names {
            match Language::with(marker, name, &overrides, &word_files, &mut problems) {
                Ok(language) => drop(languages.insert(name.to_owned(), language)),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(Texts { languages: Arc::new(languages), built_in: Arc::new(built_in) })
        } else {
            Err(problems)
        }
    }

    /// The words of a language (`de-AT` finds `de`), else the English ones.
    pub fn words(&self, language: &str) -> &Words {
        &self.language(language).words
    }

    /// The language of ours that a browser likes best (Accept-Language, RFC 9110 section 12.5.4); English where it likes none.
    pub fn best(&self, accepted: &str) -> String {
        let mut liked: Vec<(f32, &str)> = accepted
            .split(',')
            .take(20)
            .filter_map(|one| {
                let (tag, weight) = one.split_once(';').unwrap_or((one, "q=1"));
                let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok()).unwrap_or(0.0);
                (weight > 0.0).then_some((weight, tag.trim()))
            })
            .collect();
        liked.sort_by(|one, other| other.0.total_cmp(&one.0));
        let known = |tag: &str| {
            let short = tag.split_once('-').map_or(tag, |(short, _)| short);
            [tag, short].into_iter().find_map(|name| self.languages.get_key_value(name).map(|(name, _)| name.clone()))
        };
        liked.into_iter().find_map(|(_, tag)| known(tag)).unwrap_or_else(|| ENGLISH.to_owned())
    }

    /// Any text, for whoever has one in hand as a `Notice` (`deskd check`, docs, tests); the named functions do the same.
    pub fn show(&self, language: &str, notice: &dyn Notice) -> Rendered {
        self.render(language, notice)
    }

    pub(super) fn render(&self, language: &str, notice: &dyn Notice) -> Rendered {
        let language = self.language(language);
        let view = notice.view(&language.words);
        match language.render(notice.name(), &view) {
            Ok(rendered) => rendered,
            Err(error) => {
                // Samples passed at load, so these facts are of a shape that the override did not think of.
                tracing::error!(
                    template = notice.name(),
                    "the template \"{}\" fails, so the built-in one is used: {error:#}",
                    notice.name()
                );
                let view = notice.view(&self.built_in.words);
                self.built_in.render(notice.name(), &view).unwrap_or_else(|_| bare(&view))
            }
        }
    }

    fn language(&self, language: &str) -> &Language {
        let short = language.split_once(['-', '_']).map_or(language, |(short, _)| short);
        let found = self.languages.get(language).or_else(|| self.languages.get(short));
        found.or_else(|| self.languages.get(ENGLISH)).unwrap_or(&self.built_in)
    }
}

/// Better a bare subject than no mail; tests keep the built-in templates from coming here.
fn bare(view: &Value) -> Rendered {
    let subject = view.get_attr("subject").ok().and_then(|subject| subject.as_str().map(one_line)).unwrap_or_default();
    let html = paragraphs(&Value::from(&subject)).to_string();
    Rendered { text: format!("{subject}\n"), html, short: None, subject }
}

impl Language {
    fn built_in(marker: &str) -> Result<Language, TextProblem> {
        let inside = |name: &str, line, message| TextProblem { file: Path::new("built-in").join(name), line, message };
        let words = Words::parse(WORDS).map_err(|problem| inside("en.toml", None, problem.message))?;
        let mut templates = environment(marker);
        for (name, source) in BUILT_IN {
            templates.add_template(name, source).map_err(|error| inside(name, error.line(), message_of(&error)))?;
        }
        Ok(Language { templates, words })
    }

    fn with(
        marker: &str,
        name: &str,
        overrides: &[Override],
        word_files: &BTreeMap<String, (PathBuf, String)>,
        problems: &mut Vec<TextProblem>,
    ) -> Result<Language, TextProblem> {
        let mut language = Language::built_in(marker)?;
        let before = problems.len();
        // English words and templates of the firm stand behind every other language.
        let layers: &[&str] = if name == ENGLISH { &[ENGLISH] } else { &[ENGLISH, name] };
        let mut own = Vec::new();
        for layer in layers {
            if let Some((file, source)) = word_files.get(*layer) {
                let found = language.words.overlay(source);
                if *layer == name {
                    problems.extend(found.into_iter().map(|problem| word_problem(file, source, problem)));
                }
            }
            for one in overrides.iter().filter(|one| one.language == *layer) {
                match language.templates.add_template_owned(one.name.clone(), one.source.clone()) {
                    Err(error) if *layer == name => problems.push(one.problem(error.line(), message_of(&error))),
                    Ok(()) if *layer == name => own.push(one),
                    _ => {}
                }
            }
        }
        if problems.len() == before {
            language.try_out(&own, problems);
        }
        Ok(language)
    }

    /// Renders every text once; a fault counts against the override that it happens in.
    fn try_out(&self, own: &[&Override], problems: &mut Vec<TextProblem>) {
        for notice in samples(&str::to_owned) {
            let Err(error) = self.render(notice.name(), &notice.view(&self.words)) else { continue };
            let innermost = innermost(&error);
            let named = [innermost.name(), error.name()];
            let Some(one) = own.iter().find(|one| named.contains(&Some(one.name.as_str()))) else { continue };
            let line = if innermost.name() == Some(one.name.as_str()) { innermost.line() } else { error.line() };
            let problem = one.problem(line, message_of(innermost));
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }

    fn render(&self, name: &str, view: &Value) -> Result<Rendered, minijinja::Error> {
        let part = |kind: &str| self.templates.get_template(&format!("{name}.{kind}"))?.render(view);
        // Only what may be said outside mail has one.
        let short = match self.templates.get_template(&format!("{name}.sms")) {
            Ok(template) => Some(tidy(&template.render(view)?).trim_end().to_owned()),
            Err(_) => None,
        };
        Ok(Rendered { subject: one_line(&part("subject")?), text: tidy(&part("txt")?), html: part("html")?, short })
    }
}

impl Override {
    fn problem(&self, line: Option<usize>, message: String) -> TextProblem {
        TextProblem { file: self.file.clone(), line, message }
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Language").finish_non_exhaustive()
    }
}

impl fmt::Display for TextProblem {
    /// `config/templates/de/receipt.txt:3: …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file.display(), self.message),
            None => write!(f, "{}: {}", self.file.display(), self.message),
        }
    }
}

/// Escaping goes by the template's name: `.html` escapes, `.txt` and `.subject` do not.
fn environment(marker: &str) -> Environment<'static> {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates
        .set_auto_escape_callback(|name| if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None });
    // Only clashing delimiters can fail here, and they are the standard ones.
    templates.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().unwrap_or_default());
    templates.set_auto_reload(false);
    templates.add_filter("wrap", |text: &str| wrap(text));
    templates.add_filter("quote", |text: &str| quote(text));
    templates.add_filter("paragraphs", |value: &Value| paragraphs(value));
    templates.add_global("marker", marker);
    templates
}

/// The fault itself, not "error in included template".
fn innermost(error: &minijinja::Error) -> &minijinja::Error {
    let mut found = error;
    while let Some(inner) = std::error::Error::source(found).and_then(|inner| inner.downcast_ref()) {
        found = inner;
    }
    found
}

fn message_of(error: &minijinja::Error) -> String {
    let what = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    format!("{what}; docs/mails.md lists what this mail can use")
}

fn word_problem(file: &Path, source: &str, problem: WordProblem) -> TextProblem {
    let line = problem.offset.map(|offset| {
        let before = source.as_bytes().get(..offset).unwrap_or(source.as_bytes());
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    });
    TextProblem { file: file.to_owned(), line, message: problem.message }
}

/// All overrides of a folder, in the order of their names; what cannot be one is a problem.
fn find(folder: &Path, problems: &mut Vec<TextProblem>) -> (Vec<Override>, BTreeMap<String, (PathBuf, String)>) {
    let mut overrides = Vec::new();
    for folder in list(&folder.join("templates"), problems).into_iter().filter(|path| path.is_dir()) {
        for file in list(&folder, problems) {
            let (language, name) = (file_name(&folder), file_name(&file));
            if name.starts_with('.') || name.ends_with('~') {
                continue;
            }
            if !BUILT_IN.iter().any(|(known, _)| *known == name) {
                let message = format!("no mail uses this file; its name must be one of {}", known_names());
                problems.push(TextProblem { file, line: None, message });
                continue;
            }
            if let Some(source) = read(&file, problems) {
                overrides.push(Override { language, name, file, source });
            }
        }
    }
    let mut word_files = BTreeMap::new();
    for file in list(&folder.join("texts"), problems) {
        if let Some(language) = file_name(&file).strip_suffix(".toml").map(str::to_owned)
            && let Some(source) = read(&file, problems)
        {
            word_files.insert(language, (file, source));
        }
    }
    (overrides, word_files)
}

fn known_names() -> String {
    let names: BTreeSet<&str> =
        BUILT_IN.iter().filter_map(|(name, _)| name.split_once('.')).map(|(name, _)| name).collect();
    format!("{} with .{}", names.into_iter().collect::<Vec<_>>().join(", "), KINDS.join(", ."))
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn read(file: &Path, problems: &mut Vec<TextProblem>) -> Option<String> {
    match std::fs::read_to_string(file) {
        Ok(source) => Some(source),
        Err(error) => {
            let message = format!("cannot be read: {error}; it must be UTF-8 text that deskd may read");
            problems.push(TextProblem { file: file.to_owned(), line: None, message });
            None
        }
    }
}

/// A folder that is not there holds no overrides.
fn list(folder: &Path, problems: &mut Vec<TextProblem>) -> Vec<PathBuf> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            let message = format!("cannot be listed: {error}; deskd must be allowed to read it");
            problems.push(TextProblem { file: folder.to_owned(), line: None, message });
            return Vec::new();
        }
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
