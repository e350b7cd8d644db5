//! The lock on `deskd.lock` in the state folder: one `run` a folder, and the instance id that leases and claims are taken back by.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// Held as long as this value lives; the kernel gives it back when the process dies, however it dies.
#[derive(Debug)]
pub struct Instance {
    id: String,
    _lock: Flock<File>,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("another deskd is running on {} (process {holder}); stop it first, or use another state folder", folder.display())]
    Running { folder: PathBuf, holder: String },
    #[error("cannot use the lock {}; is the state folder there, and ours?", path.display())]
    File { path: PathBuf, source: io::Error },
}

impl Instance {
    /// Takes the lock in `folder` (created with 0700 when absent). The file holds three lines: instance id, machine, process.
    pub fn lock(folder: &Path) -> Result<Instance, LockError> {
        let path = folder.join("deskd.lock");
        let failed = |source| LockError::File { path: path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let mut lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let holder = lines(&mut file).ok().and_then(|[_, _, process]| process);
                let holder = holder.unwrap_or_else(|| "unknown".to_owned());
                return Err(LockError::Running { folder: folder.to_owned(), holder });
            }
            Err((_, errno)) => return Err(failed(errno.into())),
        };
        let [known, machine, _] = lines(&mut lock).map_err(failed)?;
        let here = this_machine();
        // A state folder that was copied to another machine must not speak for the machine it came from.
        let id = known.filter(|_| machine.as_deref() == Some(&here)).unwrap_or_else(new_id);
        write(&mut lock, &format!("{id}\n{here}\n{}\n", std::process::id())).map_err(failed)?;
        Ok(Instance { id, _lock: lock })
    }

    /// The same over restarts on the same state folder and machine.
    pub fn id(&self) -> &str {
        &self.id
    }
}

fn lines(file: &mut File) -> io::Result<[Option<String>; 3]> {
    let mut bytes = Vec::new();
    file.take(4096).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines().map(|line| Some(line.to_owned()).filter(|line| !line.is_empty()));
    Ok([(); 3].map(|()| lines.next().flatten()))
}

fn write(file: &mut File, text: &str) -> io::Result<()> {
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn new_id() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// Where there is no machine id (some containers) all machines count as one.
fn this_machine() -> String {
    let id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    match id.trim() {
        "" => "-".to_owned(),
        id => id.to_owned(),
    }
}
