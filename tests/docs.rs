//! The documents say what is so: commands exist, snippets load, links lead somewhere, no verb, mail or metric is missing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use deskd::config;
use deskd::desk::directive::VERBS;
use regex::Regex;
use tempfile::TempDir;

/// Every document, relative to the project.
fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in [root.to_owned(), root.join("docs")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

fn document(name: &str) -> String {
    let wanted = Path::new(name);
    documents().into_iter().find(|(path, _)| path == wanted).unwrap_or_else(|| panic!("{name} is not there")).1
}

/// A fenced block: what stands behind the fence, and its lines without the fence's indentation.
struct Block {
    kind: String,
    text: String,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(kind), None) => open = Some(Block { kind: kind.trim().to_owned(), text: String::new() }),
            (Some(_), Some(block)) => found.push(block),
            (None, Some(mut block)) => {
                block.text.push_str(line.trim_start());
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    found
}

/// The problems of a config, in a folder where every credential is there.
fn problems(text: &str) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let credentials = folder.path().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    for name in Regex::new(r#"credential = "([^"]+)""#).unwrap().captures_iter(text) {
        let secret = if name[1].ends_with("webhook") { "whsec_c2VjcmV0" } else { "secret" };
        std::fs::write(credentials.join(&name[1]), secret).unwrap();
    }
    let path = folder.path().join("deskd.toml");
    std::fs::write(&path, text).unwrap();
    match config::load_with(&path, Some(credentials)) {
        // A relaxed security.tech_mail warns, as it should; so does a skill that the firm of the README has nobody for.
        Ok(config) => {
            let warnings = config.warnings.iter().map(ToString::to_string);
            let harmless =
                |warning: &String| ["tech_mail", "no tech has the skill"].iter().any(|word| warning.contains(word));
            warnings.filter(|warning| !harmless(warning)).collect()
        }
        Err(problems) => vec![problems.to_string()],
    }
}

/// The problems of rules that stand beside those that come with the program.
fn rule_problems(rules: &str, config: &str) -> Vec<String> {
    let own = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/rules.toml")).unwrap();
    let mut all: toml::Table = own.parse().unwrap();
    for (key, value) in rules.parse::<toml::Table>().unwrap() {
        match (all.get_mut(&key), value) {
            (Some(toml::Value::Table(known)), toml::Value::Table(more)) => known.extend(more),
            (Some(toml::Value::Array(known)), toml::Value::Array(more)) => known.extend(more),
            (_, value) => drop(all.insert(key, value)),
        }
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("rules.toml");
    std::fs::write(&path, all.to_string()).unwrap();
    problems(&format!("rules = \"{}\"\n{config}", path.display()))
}

#[test]
fn every_config_in_the_documents_loads_and_every_part_of_one_fits_the_one_of_the_readme() {
    let readme = blocks(&document("README.md"));
    let whole = &readme.iter().find(|block| block.kind == "toml").expect("the README has a whole config").text;
    let mut tried = 0;
    for (path, text) in documents() {
        for block in blocks(&text) {
            let config = match block.kind.as_str() {
                "toml" if block.text.contains("[[rule]]") => {
                    assert_eq!(
                        rule_problems(&block.text, whole),
                        Vec::<String>::new(),
                        "{}:\n{}",
                        path.display(),
                        block.text
                    );
                    continue;
                }
                "toml" => block.text,
                // First, so that keys of the main table come before any section.
                "toml part" => format!("{}\n{whole}", block.text),
                _ => continue,
            };
            assert_eq!(problems(&config), Vec::<String>::new(), "{}:\n{config}", path.display());
            tried += 1;
        }
    }
    assert!(tried > 3, "only {tried} configs were found");
}

#[test]
fn a_config_that_does_not_load_would_be_seen() {
    assert!(problems("[firm]\nname = \"x\"\n")[0].contains("firm.time_zone"));
}

/// The commands that a document names: what follows `deskd`, in shell blocks and in inline code.
fn commands(text: &str) -> BTreeSet<String> {
    let shell: String = blocks(text).into_iter().filter(|block| block.kind == "sh").map(|block| block.text).collect();
    let prose = Regex::new("(?ms)^ *```.*?^ *```$").unwrap().replace_all(text, "");
    // An inline command may be broken at the end of a line.
    let prose = prose.replace('\n', " ");
    let inline = Regex::new("`([^`]+)`").unwrap();
    let spoken = inline.captures_iter(&prose).map(|found| found.get(1).unwrap().as_str());
    let spoken = spoken.filter(|code| code.trim_start_matches("sudo ").starts_with("deskd "));
    let call = Regex::new(r"(?:^|[ ;&/])deskd ((?:(?:-c|--config) \S+ )?[a-z].*)$").unwrap();
    let other = |line: &str| ["journalctl", "systemctl", "#"].iter().any(|word| line.contains(word));
    let lines = shell.lines().filter(|line| !other(line)).chain(spoken);
    // `sudo -u deskd` names the user.
    let lines = lines.map(|line| line.replace("-u deskd ", ""));
    lines.filter_map(|line| Some(call.captures(&line)?[1].split(" && ").next()?.trim().to_owned())).collect()
}

fn help_of(words: &[&str]) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_deskd")).args(words).arg("--help").output().unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What is wrong with a command, if anything: a word or an option that the program does not know.
fn fault(command: &str) -> Option<String> {
    let without_config = Regex::new(r"(?:-c|--config) \S+ ?").unwrap().replace_all(command, "");
    let words: Vec<&str> = without_config.split_whitespace().collect();
    let Some(first) = words.first() else { return Some("it names nothing".to_owned()) };
    let Some(mut help) = help_of(&[first]) else { return Some(format!("there is no {first}")) };
    let has_own = help.lines().any(|line| line == "Commands:");
    if let Some(second) = words.get(1).filter(|word| has_own && word.bytes().all(|byte| byte.is_ascii_lowercase())) {
        match help_of(&[first, second]) {
            Some(found) => help = found,
            None => return Some(format!("{first} has no {second}")),
        }
    }
    let unknown = words.iter().find(|word| word.starts_with("--") && !help.contains(&format!(" {word}")));
    unknown.map(|option| format!("{option} is no option of it"))
}

#[test]
fn every_command_in_the_documents_exists() {
    let mut tried = 0;
    for (path, text) in documents() {
        for command in commands(&text) {
            assert_eq!(fault(&command), None, "{}: deskd {command}", path.display());
            tried += 1;
        }
    }
    assert!(tried > 10, "only {tried} commands were found");
}

#[test]
fn a_command_that_does_not_exist_would_be_seen() {
    let text = "Try `deskd chek` or\n```sh\nsudo -u deskd deskd -c a.toml check --loud\n```\n";
    let found: Vec<String> = commands(text).into_iter().collect();
    assert_eq!(found, ["-c a.toml check --loud", "chek"]);
    assert_eq!(
        found.iter().filter_map(|command| fault(command)).collect::<Vec<_>>(),
        ["--loud is no option of it", "there is no chek"]
    );
}

/// The anchors that a Markdown page has, as its viewers make them of the headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |heading: &str| {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_between_the_documents_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    for (path, text) in documents() {
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
            let aim = match file {
                "" => root.join(&path),
                file => root.join(path.parent().unwrap()).join(file),
            };
            assert!(aim.exists(), "{}: {target} leads nowhere", path.display());
            if let Some(anchor) = anchor {
                let there = anchors(&std::fs::read_to_string(&aim).unwrap());
                assert!(there.iter().any(|known| known == anchor), "{}: {target} has no such heading", path.display());
            }
        }
    }
}

#[test]
fn every_verb_is_on_the_technicians_page_and_every_verb_there_is_one() {
    let page = document("docs/mail-commands.md");
    let names: Vec<&str> =
        VERBS.iter().flat_map(|verb| std::iter::once(verb.name).chain(verb.aliases.iter().copied())).collect();
    for name in &names {
        assert!(page.contains(&format!("`#{name}`")), "#{name} is missing");
    }
    let rows = page.lines().filter(|line| line.starts_with("| `#"));
    let named = Regex::new("`#([a-z]+[0-9]?)`").unwrap();
    for row in rows {
        let cell = row.split('|').nth(1).unwrap();
        for found in named.captures_iter(cell) {
            assert!(names.contains(&&found[1]), "#{} is no verb", &found[1]);
        }
    }
    let refused = VERBS.iter().filter(|verb| !verb.available).map(|verb| format!("`#{}`", verb.name));
    let line = page.lines().find(|line| line.starts_with("Known, and refused")).unwrap();
    for verb in refused {
        assert!(line.contains(&verb), "{verb} is not available and not said to be so");
    }
}

#[test]
fn every_mail_that_is_sent_is_in_the_list_of_mails_with_its_facts() {
    let page = document("docs/mails.md");
    for notice in deskd::notice::samples(&|text| text.to_owned()) {
        let name = notice.name();
        assert!(page.contains(&format!("\n| `{name}` |")), "{name} is not in the table");
        assert!(page.contains(&format!("\n- `{name}`: ")), "the facts of {name} are not listed");
    }
}

#[test]
fn every_metric_is_in_the_operators_list() {
    let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/metrics.rs")).unwrap();
    let page = document("docs/operations.md");
    let names = Regex::new(r#"register(?:_with_unit)?\(\s*"([a-z_]+)""#).unwrap();
    let mut found = 0;
    for name in names.captures_iter(&source) {
        assert!(page.contains(&name[1]), "{} is not in docs/operations.md", &name[1]);
        found += 1;
    }
    assert!(found > 6, "only {found} metrics were found");
}

#[test]
fn no_document_names_a_machine_of_its_authors_or_a_host_to_build_from() {
    // Put together so that this file would not be one that does.
    let private = [["/wo", "rk/"], ["/ro", "ot/"], ["crates", ".io"], ["/home", "/"]].map(|parts| parts.concat());
    for (path, text) in documents() {
        for name in &private {
            assert!(!text.contains(name.as_str()), "{} names {name}", path.display());
        }
    }
}
