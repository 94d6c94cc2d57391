import Foundation
import ProcessTestSupport
import Support
import Testing
import Training

/// Names that are no UTF-8 or hold control characters, and files that are no regular files.
@Suite struct HostileNamesTests {
    private func shell(_ script: String, in folder: String) throws -> (code: Int32, output: String) {
        var environment = ProcessInfo.processInfo.environment
        environment["FROSTLINE"] = CommandHarness.program.path
        environment["OPTIONS"] = CommandHarness.quick.joined(separator: " ")
        let path = folder + "/printed"
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        // Both streams append to one file.
        _ = fcntl(file.fileDescriptor, F_SETFL, O_APPEND)
        let child = try Child(
            "/bin/sh", ["-c", script], folder: folder, environment: environment, output: file, error: file)
        return (child.code, String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self))
    }

    @Test
    func `names that are not UTF-8, hold line breaks or command the terminal are trained on, shown and predicted`()
        throws
    {
        let harness = try CommandHarness(classes: ["日本", "a\u{1B}[31mb\nc", "con:,\"x\""])
        defer { harness.remove() }
        let result = try shell(
            #"""
            odd=$(printf 'data/日本/\377\376\033]0;x\a\n.ppm')
            cp data/日本/0.ppm "$odd.new" && mv "$odd.new" "$odd"
            printf junk > "$(printf 'data/日本/\377\033[2J.png')"
            "$FROSTLINE" train data --from-scratch --output run $OPTIONS || exit 1
            "$FROSTLINE" predict run "$odd" || exit 2
            "$FROSTLINE" predict run --json "$odd" data/con*/0.ppm > lines || exit 3
            "$FROSTLINE" evaluate run data || exit 4
            mv data "$(printf 'd\377')"
            "$FROSTLINE" train d* --from-scratch --output no $OPTIONS; [ $? = 1 ] || exit 6
            (cd d* && "$FROSTLINE" train . --from-scratch --output ../other $OPTIONS) || exit 7
            "$FROSTLINE" export run a.csv && "$FROSTLINE" export run a.onnx && "$FROSTLINE" show run || exit 5
            """#, in: harness.folder)
        #expect(result.code == 0, "\(result.output)")
        #expect(result.output.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && $0.value != 0x7F })
        #expect(result.output.contains("change into it and give '.'"))
        #expect(result.output.contains("日本") && result.output.contains("left out"))
        let lines = try String(contentsOfFile: harness.folder + "/lines", encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2)
        for line in lines { #expect(JSON.parse(Data(line.utf8))?["class"]?.text != nil, "\(line)") }
    }

    @Test func `what may not be read is named and left out, or refused with what to do`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        // The superuser reads everything, so the program runs as another user there.
        let result = try shell(
            #"""
            "$FROSTLINE" train data --from-scratch --output run $OPTIONS > first 2>&1 || exit 1
            cp "$FROSTLINE" program; chmod 755 . program; chmod -R a+rX data run; mkdir -m 777 out; chmod 000 data/cats/1.ppm
            as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi; }
            as ./program train data --from-scratch --output out/a $OPTIONS; echo "train $?"
            as ./program predict run data/cats/1.ppm; echo "predict $?"
            chmod 000 run/best.safetensors; as ./program inspect run/best.safetensors; echo "inspect $?"
            as ./program evaluate run data; echo "evaluate $?"
            chmod 000 run/run.json; as ./program show run; echo "show $?"
            chmod 000 data/dogs; as ./program train data --from-scratch --output out/b $OPTIONS; echo "class $?"
            chmod 000 data; as ./program train data --from-scratch --output out/c $OPTIONS; echo "data $?"
            chmod -R u+rwX .
            """#, in: harness.folder)
        let lines = result.output.split(separator: "\n").map(String.init)
        for wanted in ["train 0", "predict 1", "inspect 2", "evaluate 1", "show 1", "class 1", "data 1"] {
            #expect(lines.contains(wanted), "\(wanted) in \(result.output)")
        }
        for name in ["data/cats/1.ppm", "run/best.safetensors", "run/run.json", "data/dogs", "data: cannot be read"] {
            #expect(
                lines.contains { $0.contains(name) && $0.contains("Permission denied") }, "\(name): \(result.output)")
        }
    }

    @Test func `pipes, sockets, devices and loops in a folder are named and not waited for`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        #expect(mknod(harness.data + "/cats/socket.jpg", S_IFSOCK | 0o600, 0) == 0)
        let result = try shell(
            #"""
            cd data/cats; mkfifo pipe.jpg; ln -s loop.jpg loop.jpg; ln -s /dev/zero endless.jpg; ln -s . self; cd ../..
            "$FROSTLINE" train data --from-scratch --output run $OPTIONS || exit 1
            "$FROSTLINE" evaluate run data || exit 2
            for name in pipe socket loop endless; do
                "$FROSTLINE" predict run data/cats/$name.jpg; echo "$name $?"
                "$FROSTLINE" inspect data/cats/$name.jpg; echo "$name $?"
                "$FROSTLINE" train data --weights data/cats/$name.jpg --output other; echo "$name $?"
            done
            """#, in: harness.folder)
        #expect(result.code == 0, "\(result.output)")
        #expect(result.output.contains("3 left out that are no regular file"))
        #expect(result.output.contains("loop.jpg: cannot be read: Too many levels of symbolic links; left out"))
        for name in ["pipe", "socket", "loop", "endless"] {
            #expect(result.output.contains("\(name) 1\n") && result.output.contains("\(name) 2\n"), "\(result.output)")
        }
    }
}
