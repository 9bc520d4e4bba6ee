//! What `klamm client-config` writes, handed to others as it is.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::Product;

/// Who reads the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Kafka's own clients.
    Java,
    /// librdkafka and everything made of it.
    Librdkafka,
    /// Clients in pure Python.
    Python,
    /// A shell.
    Env,
}

/// The folder of one user in one format.
#[derive(Debug, Clone)]
pub struct ClientFiles {
    /// The folder.
    pub folder: PathBuf,
    /// The format's main file.
    pub main: PathBuf,
}

impl Format {
    fn word(self) -> &'static str {
        match self {
            Self::Java => "java",
            Self::Librdkafka => "librdkafka",
            Self::Python => "python",
            Self::Env => "env",
        }
    }

    fn main_file(self) -> &'static str {
        match self {
            Self::Java => "client.properties",
            Self::Librdkafka => "librdkafka.conf",
            Self::Python => "kafka_client.py",
            Self::Env => "kafka.env",
        }
    }
}

impl ClientFiles {
    /// Lets the product write them, into a folder beside its root.
    pub fn write(product: &Product, user: &str, format: Format) -> Result<Self> {
        let folder = product.beside(&format!("{user}-{}", format.word()))?;
        let out = folder.to_str().context("a folder without a name in UTF-8")?;
        product.klamm(["client-config", "--user", user, "--format", format.word(), "--out", out])?;
        let main = folder.join(format.main_file());
        Ok(Self { folder, main })
    }

    /// The file as a client's command line takes it.
    pub fn main_path(&self) -> String {
        self.main.display().to_string()
    }

    /// A file of the folder, read.
    pub fn read(&self, name: &str) -> Result<String> {
        let path: &Path = &self.folder.join(name);
        fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
    }
}
