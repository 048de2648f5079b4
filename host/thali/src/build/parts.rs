//! Migrations and seed data from their files.

use std::fs;
use std::path::Path;

use thali_contract::manifest::DatabaseSection;
use thali_contract::pack::Migration;

use super::error::{BuildError, io};

/// The migrations in the order of their names, and the seed data.
pub(super) fn database(
    dir: &Path,
    section: Option<&DatabaseSection>,
) -> Result<(Vec<Migration>, Option<String>), BuildError> {
    let Some(section) = section else { return Ok((Vec::new(), None)) };
    let migrations = match &section.migrations {
        Some(folder) => migrations(&dir.join(folder))?,
        None => Vec::new(),
    };
    let seed = section.seed.as_ref().map(|file| text(&dir.join(file))).transpose()?;
    Ok((migrations, seed))
}

/// Every `*.sql` file of a folder.
fn migrations(folder: &Path) -> Result<Vec<Migration>, BuildError> {
    let mut migrations = Vec::new();
    for entry in fs::read_dir(folder).map_err(io("read", folder))? {
        let path = entry.map_err(io("read", folder))?.path();
        let is_sql = path.extension().is_some_and(|extension| extension == "sql");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if is_sql && !name.starts_with('.') {
            migrations.push(Migration { name, sql: text(&path)? });
        }
    }
    migrations.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(migrations)
}

fn text(path: &Path) -> Result<String, BuildError> {
    fs::read_to_string(path).map_err(io("read", path))
}
