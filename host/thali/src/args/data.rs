//! Databases of services.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

#[derive(Debug, clap::Args)]
pub(crate) struct DbArgs {
    /// The service.
    pub(crate) name: String,

    #[command(subcommand)]
    pub(crate) command: DbCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Run SQL as the service could: from a prompt, --sql, or standard input.
    Shell {
        /// Run this and leave.
        #[arg(long)]
        sql: Option<String>,
        /// Let it change data. The statements that are sent at once are one transaction.
        #[arg(long)]
        write: bool,
    },
    /// Copy the live database to a file, as it is at one moment.
    Backup {
        /// The file.
        file: PathBuf,
        /// Write over it when it is there.
        #[arg(long)]
        force: bool,
    },
    /// Put a backup in place of the database. The one that was there is kept beside it.
    Restore {
        /// The file.
        file: PathBuf,
    },
    /// Print everything that the service has stored.
    Export {
        /// How: statements that make it again, or a JSON object a line.
        #[arg(long, value_enum, default_value_t = ExportFormat::Sql)]
        format: ExportFormat,
    },
    /// Read the whole database and say what is wrong with it.
    Check,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExportFormat {
    /// SQL, as PostgreSQL reads it as well.
    Sql,
    /// One JSON object a line.
    Jsonl,
}
