//! What the commands stand on: the config, and the database opened as its owner and found to be of this program's schema.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{Failure, owner};
use crate::clock::Clock;
use crate::config::{self, Config, Secrets};
use crate::intake::Office;
use crate::store::{Db, Schema};

pub struct Opened {
    pub config: Config,
    pub db: Db,
    /// The firm's: times for people are told in it.
    pub zone: Tz,
    pub now: DateTime<Utc>,
}

/// Where the config is: as named, else the first that exists.
pub fn config_path(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    usual_config().ok_or_else(|| {
        Failure::Config(
            "there is no config: neither ./deskd.toml nor /etc/deskd/deskd.toml exists; name one with --config FILE or \
             DESKD_CONFIG, or try `deskd demo`"
                .to_owned(),
        )
    })
}

/// The config that is used when none is named.
pub fn usual_config() -> Option<PathBuf> {
    ["deskd.toml", "/etc/deskd/deskd.toml"].iter().map(PathBuf::from).find(|path| path.exists())
}

/// With all secrets for the daemon, without any for a command that only looks into the database.
pub fn load(named: Option<&Path>, secrets: Secrets) -> Result<(PathBuf, Config), Failure> {
    let path = config_path(named)?;
    let config = config::load_for(&path, secrets)
        .map_err(|problems| Failure::Config(format!("the config is wrong:\n{problems}")))?;
    Ok((path, config))
}

/// Opens what is there; never creates and never migrates.
pub async fn open(named: Option<&Path>) -> Result<Opened, Failure> {
    let (_, config) = load(named, Secrets::Unread)?;
    if let Some(file) = sqlite_file(&config) {
        owner::become_owner(file)?;
        readable(file)?;
    }
    let db = Db::open(&config.store_url).await?;
    match db.schema().await? {
        Schema::Current => {}
        Schema::Absent => {
            return Err(Failure::Schema(
                "the database is empty; `deskd run` or `deskd migrate` brings it up to this program's schema"
                    .to_owned(),
            ));
        }
        Schema::Older => {
            return Err(Failure::Schema(
                "the database has an older schema than this program; restart the daemon with this program, or stop it \
                 and run `deskd migrate`"
                    .to_owned(),
            ));
        }
        Schema::Other => {
            return Err(Failure::Schema(format!(
                "the database has another schema than this program (deskd {}); use the deskd that the daemon runs with",
                env!("CARGO_PKG_VERSION")
            )));
        }
    }
    let zone = config.firm.time_zone;
    Ok(Opened { config, db, zone, now: Clock::System.now() })
}

/// The firm and its texts, for what does more than look.
pub fn office(opened: &Opened) -> Result<Office, Failure> {
    let texts = crate::daemon::texts(&opened.config)?;
    Ok(Office { firm: Arc::clone(&opened.config.firm), texts: Arc::new(texts) })
}

pub fn sqlite_file(config: &Config) -> Option<&Path> {
    config.store_url.strip_prefix("sqlite:").map(Path::new)
}

fn readable(file: &Path) -> Result<(), Failure> {
    match std::fs::File::open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Failure::Schema(format!(
            "there is no database at {}; `deskd run` or `deskd migrate` makes one",
            file.display()
        ))),
        Err(error) => Err(Failure::Other(
            anyhow::Error::from(error)
                .context(format!("cannot read the database {}; run this as its owner or as root", file.display())),
        )),
    }
}
