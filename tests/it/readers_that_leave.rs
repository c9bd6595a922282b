//! `proxy-lab … 2>&1 | head -1`: a reader that has left changes neither what the program does nor its exit code.

use std::io::pipe;

use crate::support::lab::Folder;

#[test]
fn a_reader_that_has_left_changes_no_exit_code() {
    let right = Folder::new();
    let broken = Folder::new();
    broken.put("lab/nginx.conf", "events { }\nhttp { servr { } }\n");
    for (folder, arguments, code) in [
        (&right, &["-t"][..], 0),
        (&right, &["-v"], 0),
        (&right, &["--help"], 0),
        (&right, &["backend", "stop"], 1),
        (&right, &["--nonsense"], 1),
        (&broken, &["-t"], 1),
        (&broken, &[], 1),
        (&broken, &["-p", ".", "-c", "lab/nginx.conf"], 1),
    ] {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let mut command = folder.command(arguments);
        command
            .stdout(writer.try_clone().expect("the pipe"))
            .stderr(writer);
        let status = command.status().expect("an end");
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
}
