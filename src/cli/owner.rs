//! As root the command line becomes the user who owns the database, so that nothing it creates is out of the daemon's reach.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Context;
use nix::unistd::{Gid, Uid, geteuid, setgid, setgroups, setuid};

/// Takes the place of the file's owner (of its folder's, while there is no file yet), for good. Nothing happens for other users than root.
pub fn become_owner(database: &Path) -> anyhow::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(owner) = [database, folder].iter().find_map(|path| std::fs::metadata(path).ok()) else {
        return Ok(());
    };
    if owner.uid() == 0 {
        return Ok(());
    }
    let (user, group) = (Uid::from_raw(owner.uid()), Gid::from_raw(owner.gid()));
    let become_them = || {
        setgroups(&[group])?;
        setgid(group)?;
        setuid(user)
    };
    become_them().with_context(|| {
        format!("{} belongs to user {user}, whom root cannot become here; run deskd as that user", database.display())
    })
}
