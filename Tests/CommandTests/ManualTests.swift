import Foundation
import Support
import Testing

@testable import frostline

/// What is installed beside the program comes from the commands' own definitions.
@Suite struct ManualTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    @Test func `every command has a page with each of its options, and completions of three shells know it`() throws {
        let program = try #require(CommandDefinition.program())
        #expect(
            program.commands.count >= 16 && program.commands.allSatisfy { $0.name != "manual" && $0.name != "help" })
        let files = Dictionary(uniqueKeysWithValues: ManualCommand.files(program).map { ($0.path, $0.text) })
        for command in program.commands {
            let page = try #require(files["share/man/man1/frostline-\(command.name).1"])
            for name in command.arguments.flatMap(\.names) {
                #expect(page.contains(ManualPage.escaped(name)), "\(command.name): \(name)")
            }
            for completion in files.keys where completion.contains("completions") || completion.contains("zsh") {
                #expect(files[completion]?.contains(command.name) == true, "\(completion): \(command.name)")
            }
        }
        let train = try #require(program.commands.first { $0.name == "train" })
        #expect(train.arguments.contains { $0.names == ["--freeze"] && $0.value == "pattern" })
        #expect(train.synopsis == "frostline train [OPTION…] DATA")
    }

    @Test func `no line of a page is taken for a macro, or is not plain`() throws {
        let program = try #require(CommandDefinition.program())
        let macros = [".TH", ".SH", ".PP", ".TP", ".B ", ".I ", ".EX", ".EE"]
        for (path, page) in ManualCommand.files(program) where path.contains("/man/") {
            for line in page.split(separator: "\n") where line.hasPrefix(".") {
                #expect(macros.contains { line.hasPrefix($0) }, "\(path): \(line)")
            }
        }
        #expect(ManualPage.escaped(".5 of a-b\\c") == "\\&.5 of a\\-b\\ec")
    }

    @Test func `docs/reference.md is what the definitions say`() throws {
        let program = try #require(CommandDefinition.program())
        let written = try String(contentsOfFile: Self.root + "/docs/reference.md", encoding: .utf8)
        #expect(written == MarkdownReference.text(program), "make reference writes it anew")
    }

    @Test(arguments: [
        ("trian", "did you mean frostline train?"), ("predcit", "did you mean frostline predict?"),
        ("find_lr", "did you mean frostline find-lr?"), ("zzzzzzzz", "there are demonstration, train"),
    ])
    func `an unknown command is named, with the nearest`(_ word: String, _ advice: String) throws {
        #expect(UnknownCommand.problem(word)?.hasPrefix("unknown command \(word)") == true)
        #expect(UnknownCommand.problem(word)?.contains(advice) == true)
    }

    @Test func `commands, options and nothing are not unknown`() {
        for word in ["train", "manual", "help", "--help", "-h", "--seed"] {
            #expect(UnknownCommand.problem(word) == nil)
        }
        #expect(UnknownCommand.problem(nil) == nil)
    }

    /// As the shells' scripts ask: the argument, where it stands in the line and the cursor in it, and the line.
    @Test func `shells are offered run folders, patterns, strategies, themes and the words of tell`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        for run in ["here", "runs/there-1", "beside/deep"] {
            try FileManager.default.createDirectory(
                atPath: "\(harness.folder)/\(run)", withIntermediateDirectories: true)
            #expect(FileManager.default.createFile(atPath: "\(harness.folder)/\(run)/run.json", contents: Data()))
        }
        func offered(_ argument: String, _ line: String) throws -> [String] {
            let words = ("frostline " + line).components(separatedBy: " ")
            let place = ["\(words.count - 1)", "\(words.last?.count ?? 0)"]
            return try harness.run(["---completion", words[1], "--", argument] + place + words).output
                .split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        }
        #expect(try offered("positional@0", "attach ") == ["runs/there-1", "here"])
        #expect(try offered("positional@0", "show beside/d") == ["beside/deep"])
        #expect(try offered("--freeze", "train data --freeze la").contains("layer4.1"))
        #expect(try offered("positional@1", "tell here ").contains("probe"))
        #expect(try offered("positional@1", "tell here strategy ").contains("partial"))
        #expect(try offered("positional@1", "tell here thaw ").contains("layer1"))
        #expect(try offered("positional@1", "tell here pause ").isEmpty)
        #expect(try offered("--theme", "train data --theme ").contains("contrast"))
    }

    @Test func `installed below DESTDIR it runs for a user without a home, and is removed without a trace`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let target = harness.folder + "/target"
        let build = CommandHarness.program.deletingLastPathComponent().path
        func script(_ arguments: [String]) throws -> Int32 {
            try harness.run([Self.root + "/.ci/install"] + arguments, program: URL(fileURLWithPath: "/bin/sh")).code
        }
        #expect(try script([build, target + "/usr"]) == 0)
        let installed = try FileManager.default.subpathsOfDirectory(atPath: target)
        for path in [
            "usr/bin/frostline", "usr/share/man/man1/frostline-train.1", "usr/share/frostline/themes/frost.toml",
        ] {
            #expect(installed.contains(path), "\(path)")
        }
        let doctor = try harness.run(
            ["doctor", "--json", harness.folder], program: URL(fileURLWithPath: target + "/usr/bin/frostline"),
            without: ["HOME", "USER", "LOGNAME", "XDG_CONFIG_HOME"])
        #expect(doctor.code == 0, "\(doctor.error)")
        let findings = try #require(JSON.parse(Data(doctor.output.utf8))?["findings"]?.items)
        let themes = findings.first { $0["name"]?.text == "themes" }
        #expect(themes?["found"]?.text?.contains("contrast") == true)
        #expect(try script(["--remove", target + "/usr"]) == 0)
        let left = try FileManager.default.subpathsOfDirectory(atPath: target).filter { $0.contains("frostline") }
        #expect(left.isEmpty, "\(left)")
    }
}
