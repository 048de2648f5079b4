//! How complex a component may be, measured before anything expensive looks at it.
//!
//! One pass over the bytes counts what would make validating, compiling or instantiating it slow or large.
//! The numbers are several times what the largest known components have: interpreters of whole languages.

use wasmparser::{Error, FunctionBody, Instance, Operator, Payload};

use super::ReadError;

/// Bytes of a page of linear memory.
const PAGE_BYTES: u64 = 65_536;

/// The most of everything that is counted. A component beyond one of these is `too_complex`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complexity {
    /// Core functions, over all modules. Interpreters have about 30,000.
    pub functions_max: u64,
    /// Bytes of one function's body. The main loop of an interpreter has some 200 KB.
    pub function_bytes_max: u64,
    /// Local variables of one function; the compiler's time grows with them times its blocks.
    pub locals_max: u64,
    /// How deep blocks are nested in one function.
    pub nesting_max: u64,
    /// Targets of one `br_table`.
    pub branch_targets_max: u64,
    /// Targets of all `br_table`s of one function.
    pub function_branch_targets_max: u64,
    /// Types, over all modules and components.
    pub types_max: u64,
    /// Imports and exports of modules and nested components.
    pub externs_max: u64,
    /// Data and element segments.
    pub segments_max: u64,
    /// Globals, tables and memories.
    pub definitions_max: u64,
    /// Modules and components, nested or side by side.
    pub modules_max: u64,
    /// How deep components are nested.
    pub component_nesting_max: u64,
    /// Core instances that the component makes: as many as one invocation may have.
    pub core_instances_max: u64,
}

impl Default for Complexity {
    fn default() -> Self {
        Self {
            functions_max: 200_000,
            function_bytes_max: 2 << 20,
            locals_max: 20_000,
            nesting_max: 2_000,
            branch_targets_max: 20_000,
            function_branch_targets_max: 100_000,
            types_max: 100_000,
            externs_max: 100_000,
            segments_max: 50_000,
            definitions_max: 50_000,
            modules_max: 200,
            component_nesting_max: 10,
            core_instances_max: 64,
        }
    }
}

/// What an instance of a component takes from the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Bytes of linear memory, over all memories.
    pub memory_bytes: u64,
    /// Elements of all tables.
    pub table_elements: u64,
}

/// Counts.
#[derive(Default)]
pub(super) struct Tally {
    most: Complexity,
    functions: u64,
    types: u64,
    externs: u64,
    segments: u64,
    definitions: u64,
    modules: u64,
    depth: u64,
    core_instances: u64,
    shape: Shape,
}

impl Tally {
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// Adds the next part of the file.
    pub(super) fn add(&mut self, payload: &Payload<'_>) -> Result<(), ReadError> {
        let most = self.most;
        match payload {
            Payload::Version { .. } => {
                self.depth += 1;
                within("nested components", self.depth, most.component_nesting_max)?;
                count("modules", &mut self.modules, 1, most.modules_max)
            }
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::TypeSection(section) => {
                count("types", &mut self.types, section.count(), most.types_max)
            }
            Payload::ComponentTypeSection(section) => {
                count("types", &mut self.types, section.count(), most.types_max)
            }
            Payload::CoreTypeSection(section) => {
                count("types", &mut self.types, section.count(), most.types_max)
            }
            Payload::FunctionSection(section) => {
                count("functions", &mut self.functions, section.count(), most.functions_max)
            }
            Payload::ImportSection(section) => {
                count("imports and exports", &mut self.externs, section.count(), most.externs_max)
            }
            Payload::ExportSection(section) => {
                count("imports and exports", &mut self.externs, section.count(), most.externs_max)
            }
            Payload::DataSection(section) => {
                count("segments", &mut self.segments, section.count(), most.segments_max)
            }
            Payload::ElementSection(section) => {
                count("segments", &mut self.segments, section.count(), most.segments_max)
            }
            Payload::GlobalSection(section) => {
                count("globals", &mut self.definitions, section.count(), most.definitions_max)
            }
            Payload::MemorySection(section) => {
                count("memories", &mut self.definitions, section.count(), most.definitions_max)?;
                for memory in section.clone() {
                    let memory = memory.map_err(super::scan::invalid)?;
                    let page = memory.page_size_log2.map_or(PAGE_BYTES, |log2| 1 << log2.min(16));
                    let bytes = memory.initial.saturating_mul(page);
                    self.shape.memory_bytes = self.shape.memory_bytes.saturating_add(bytes);
                }
                Ok(())
            }
            Payload::TableSection(section) => {
                count("tables", &mut self.definitions, section.count(), most.definitions_max)?;
                for table in section.clone() {
                    let table = table.map_err(super::scan::invalid)?;
                    let elements = &mut self.shape.table_elements;
                    *elements = elements.saturating_add(table.ty.initial);
                }
                Ok(())
            }
            Payload::InstanceSection(section) => {
                let mut made = 0;
                for instance in section.clone() {
                    let instance = instance.map_err(super::scan::invalid)?;
                    made += u32::from(matches!(instance, Instance::Instantiate { .. }));
                }
                count("core instances", &mut self.core_instances, made, most.core_instances_max)
            }
            Payload::CodeSectionEntry(body) => self.function(body),
            _ => Ok(()),
        }
    }

    fn function(&self, body: &FunctionBody<'_>) -> Result<(), ReadError> {
        let bytes = body.range().len() as u64;
        within("bytes in one function", bytes, self.most.function_bytes_max)?;
        match self.measure(body) {
            Ok(measured) => measured,
            // The validator says what is wrong with it, when the compiler calls it.
            Err(_) => Ok(()),
        }
    }

    fn measure(&self, body: &FunctionBody<'_>) -> Result<Result<(), ReadError>, Error> {
        let most = self.most;
        let mut locals: u64 = 0;
        for group in body.get_locals_reader()? {
            locals = locals.saturating_add(u64::from(group?.0));
        }
        let (mut depth, mut deepest, mut widest, mut targets) = (0u64, 0, 0, 0u64);
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            match operators.read()? {
                Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::TryTable { .. } => {
                    depth += 1;
                    deepest = depth.max(deepest);
                }
                Operator::End => depth = depth.saturating_sub(1),
                Operator::BrTable { targets: table } => {
                    let width = u64::from(table.len());
                    widest = width.max(widest);
                    targets = targets.saturating_add(width);
                }
                _ => {}
            }
        }
        Ok(within("locals in one function", locals, most.locals_max)
            .and_then(|()| within("blocks in each other", deepest, most.nesting_max))
            .and_then(|()| within("targets of one br_table", widest, most.branch_targets_max))
            .and_then(|()| {
                let most = most.function_branch_targets_max;
                within("targets of br_tables in one function", targets, most)
            }))
    }
}

fn count(what: &str, counted: &mut u64, more: u32, most: u64) -> Result<(), ReadError> {
    *counted = counted.saturating_add(u64::from(more));
    within(what, *counted, most)
}

fn within(what: &str, counted: u64, most: u64) -> Result<(), ReadError> {
    match counted <= most {
        true => Ok(()),
        false => Err(ReadError::TooComplex(format!(
            "it has {counted} {what}, at most {most} are allowed"
        ))),
    }
}
