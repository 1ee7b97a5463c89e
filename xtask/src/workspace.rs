//! Where things are, and how programs are run.
use anyhow::{Context, Result, anyhow, bail};
use std::env;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

/// The checkout and its target folder (`CARGO_TARGET_DIR` and cargo's configuration count).
#[derive(Debug, Clone)]
pub struct Workspace {
    pub root: PathBuf,
    pub target: PathBuf,
}

impl Workspace {
    pub fn find() -> Result<Self> {
        let cargo = Program::new(cargo_program());
        let found = cargo.args(["locate-project", "--workspace", "--message-format", "plain"]).read()?;
        let root = Path::new(found.trim()).parent().context("cargo names no workspace")?.to_path_buf();
        let metadata = Program::new(cargo_program())
            .args(["metadata", "--no-deps", "--format-version", "1", "--quiet"])
            .within(&root)
            .read()?;
        let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
        let target = metadata["target_directory"].as_str().context("cargo names no target folder")?;
        Ok(Self { root, target: PathBuf::from(target) })
    }

    /// What is served: `pkg/` with the hashed files, and everything of `public/`.
    pub fn site(&self) -> PathBuf {
        self.target.join("site")
    }

    pub fn release(&self) -> PathBuf {
        self.target.join("release")
    }

    pub fn cargo(&self) -> Program {
        Program::new(cargo_program()).within(&self.root)
    }

    /// The release build of the server, run in the root of the checkout.
    pub fn kava(&self) -> Program {
        Program::new(self.release().join("kava")).within(&self.root)
    }

    /// A program of an npm package in `folder`, which is relative to the root.
    pub fn node_program(&self, folder: &str, name: &str) -> Program {
        Program::new(self.root.join(folder).join("node_modules/.bin").join(name)).within(&self.root.join(folder))
    }
}

/// The cargo that runs us, so that a `+toolchain` holds for everything.
fn cargo_program() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// The first program of this name on `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// A command whose failure names itself.
#[derive(Debug)]
pub struct Program(Command);

impl Program {
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        Self(command)
    }

    pub fn within(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    pub fn arg(&mut self, word: impl AsRef<OsStr>) -> &mut Self {
        self.0.arg(word);
        self
    }

    pub fn args(mut self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.0.args(words);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub fn without_env(mut self, name: &str) -> Self {
        self.0.env_remove(name);
        self
    }

    pub fn command(&mut self) -> &mut Command {
        &mut self.0
    }

    fn named(&self) -> String {
        let program = Path::new(self.0.get_program());
        let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
        let words: Vec<_> = self.0.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        format!("{name} {}", words.join(" "))
    }

    /// Runs it in our terminal, its words on stderr or where it writes them.
    pub fn status(&mut self) -> Result<ExitStatus> {
        let name = self.named();
        self.0.status().with_context(|| format!("cannot run `{name}`"))
    }

    /// Runs it in our terminal and fails when it fails.
    pub fn run(&mut self) -> Result<()> {
        let status = self.status()?;
        if status.success() { Ok(()) } else { bail!("`{}` failed ({status})", self.named()) }
    }

    /// Runs it in our terminal and ends as it ends.
    pub fn exec_to_end(&mut self) -> Result<ExitCode> {
        let status = self.status()?;
        Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Runs it in silence; its words are shown only when it fails.
    pub fn quietly(&mut self) -> Result<()> {
        let name = self.named();
        let output = self.0.output().with_context(|| format!("cannot run `{name}`"))?;
        if output.status.success() {
            return Ok(());
        }
        let text = [output.stdout, output.stderr].concat();
        Err(anyhow!("`{name}` failed ({}):\n{}", output.status, String::from_utf8_lossy(&text).trim_end()))
    }

    /// What it prints.
    pub fn read(mut self) -> Result<String> {
        let name = self.named();
        let output = self.0.output().with_context(|| format!("cannot run `{name}`"))?;
        if !output.status.success() {
            bail!("`{name}` failed ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Replaces this process. Returns only when that fails.
    pub fn become_it(mut self) -> Result<ExitCode> {
        self.0.stdin(Stdio::inherit());
        let error = self.0.exec();
        Err(anyhow!("cannot run `{}`: {error}", self.named()))
    }
}
