//! There is nothing to do: a build script is what build dependencies need to count.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
