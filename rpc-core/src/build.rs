//! Which build of a program this is. Two ends of one build have the same types in the same form, and may speak the compact codec.

mod elf;

use std::sync::{Arc, OnceLock};

#[cfg(target_os = "linux")]
use std::fs::File;

/// Where Linux shows the file that runs, also when another one has taken its name since: during an upgrade that is the usual case. Elsewhere there
/// is only the name, which would tell of the wrong build.
#[cfg(target_os = "linux")]
const EXECUTABLE: &str = "/proc/self/exe";

/// What a program tells its peers of its build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Build {
    /// That of the executable: the id that the linker gave it (its ELF build id), or else a hash of all of it. Nothing where neither can be told.
    #[default]
    OfProgram,
    /// This, for tests of programs of several builds.
    Named(Arc<str>),
    /// Nothing: it is never taken for the same as another's.
    Unknown,
}

impl Build {
    /// The build's name, for a hello; `None` if it cannot be told. The first call of the program looks at its executable, on a thread for what blocks.
    pub async fn id(&self) -> Option<String> {
        static OF_PROGRAM: OnceLock<Option<String>> = OnceLock::new();
        match self {
            Self::Unknown => None,
            Self::Named(name) => Some(name.to_string()),
            Self::OfProgram => match OF_PROGRAM.get() {
                Some(known) => known.clone(),
                // A runtime that ends tells nothing, and nobody is left to hear it.
                None => tokio::task::spawn_blocking(|| OF_PROGRAM.get_or_init(of_executable).clone()).await.ok()?,
            },
        }
    }
}

#[cfg(target_os = "linux")]
fn of_executable() -> Option<String> {
    is_in_executable().then_some(())?;
    let file = File::open(EXECUTABLE).ok()?;
    id_of(&file)
}

/// Whether this code is the executable's. In a library that another program has loaded, or started by hand through the dynamic loader, the executable
/// says nothing of the types that are compiled in here.
#[cfg(target_os = "linux")]
fn is_in_executable() -> bool {
    use std::os::unix::ffi::OsStrExt;

    let here = is_in_executable as fn() -> bool as usize;
    let (Ok(executable), Ok(maps)) = (std::fs::read_link(EXECUTABLE), std::fs::read("/proc/self/maps")) else {
        return false;
    };
    maps.split(|byte| *byte == b'\n').any(|line| {
        // `5581aa000000-5581aa0ff000 r-xp 00000000 fd:00 1234   /a/path`
        let mut words = line.splitn(6, |byte| *byte == b' ');
        let Some((from, to)) = words.next().and_then(|range| str::from_utf8(range).ok()?.split_once('-')) else {
            return false;
        };
        let address = |text| usize::from_str_radix(text, 16).ok();
        let is_here = address(from).is_some_and(|from| from <= here) && address(to).is_some_and(|to| here < to);
        is_here && words.nth(4).is_some_and(|path| path.trim_ascii_start() == executable.as_os_str().as_bytes())
    })
}

#[cfg(not(target_os = "linux"))]
fn of_executable() -> Option<String> {
    None
}

/// The linker's id, or a hash: with other words in front, so that one is never taken for the other.
#[cfg(target_os = "linux")]
fn id_of(file: &File) -> Option<String> {
    elf::build_id(file).map(|id| format!("elf:{id}")).or_else(|| hash(file).map(|hash| format!("hash:{hash}")))
}

/// A hash of all that is in the file, of 128 bits: builds differ by accident, not by design.
#[cfg(target_os = "linux")]
fn hash(mut file: &File) -> Option<String> {
    use std::hash::{BuildHasher, Hasher};
    use std::io::{Read, Seek};

    use foldhash::quality::FixedState;

    /// What is read at once, in bytes.
    const CHUNK: u64 = 256 << 10;

    file.rewind().ok()?;
    let mut hashers = [0, 1].map(|seed| FixedState::with_seed(seed).build_hasher());
    let mut chunk = Vec::new();
    loop {
        chunk.clear();
        // Whole chunks, as a hasher tells pieces of other lengths apart.
        let read = file.take(CHUNK).read_to_end(&mut chunk).ok()?;
        if read == 0 {
            break;
        }
        hashers.iter_mut().for_each(|hasher| hasher.write(&chunk));
    }
    Some(hashers.iter().map(|hasher| format!("{:016x}", hasher.finish())).collect())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    #[tokio::test]
    async fn a_program_tells_one_name_for_as_long_as_it_runs() {
        let first = Build::OfProgram.id().await.expect("Linux shows the executable");
        assert_eq!(Build::OfProgram.id().await, Some(first.clone()));
        let file = File::open(EXECUTABLE).expect("it is there");
        assert_eq!(id_of(&file), Some(first));
        assert_eq!(Build::Unknown.id().await, None);
        assert_eq!(Build::Named("b".into()).id().await.as_deref(), Some("b"));
    }

    #[test]
    fn files_that_differ_in_one_byte_differ_in_their_hash() {
        let mut file = tempfile().expect("a file");
        let mut hashes = Vec::new();
        file.write_all(&vec![7; 1 << 20]).expect("written");
        hashes.push(id_of(&file));
        for at in [0, (256 << 10) - 1, (1 << 20) - 1] {
            file.seek(std::io::SeekFrom::Start(at)).expect("there");
            file.write_all(b"x").expect("written");
            hashes.push(id_of(&file));
        }
        file.set_len((1 << 20) - 1).expect("cut");
        hashes.push(id_of(&file));
        assert!(hashes.iter().all(|hash| hash.as_ref().is_some_and(|hash| hash.starts_with("hash:"))), "{hashes:?}");
        for (n, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..n].contains(hash), "{n}: {hashes:?}");
        }
    }

    /// A file without a name.
    fn tempfile() -> std::io::Result<File> {
        let path = std::env::temp_dir().join(format!("wherever-build-{}", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        std::fs::remove_file(path)?;
        Ok(file)
    }
}
