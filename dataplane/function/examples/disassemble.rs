//! Writes the functions of an object as text that can be assembled again, each to a file of its own: `disassemble OBJECT DIRECTORY`. The hook of a
//! function is that which its section names: `adit/call` and so on; others are for the hook `call`.

use std::error::Error;
use std::path::Path;

use adit_function::{assembly, elf};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [object, directory] = arguments.as_slice() else {
        return Err("usage: disassemble OBJECT DIRECTORY".into());
    };
    let object = std::fs::read(object)?;
    for function in elf::functions(&object)? {
        let section = elf::section(&object, Some(&function))?;
        let hook = section.strip_prefix("adit/").unwrap_or("call");
        let program = elf::load(&object, Some(&function))?;
        let text = format!("# hook {hook}\n{}", assembly::disassemble(&program));
        std::fs::write(Path::new(directory).join(format!("{function}.asm")), text)?;
    }
    Ok(())
}
