import ArgumentParser
import Foundation
import Support
import TUI
import Terminal
import Training

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "What this machine, terminal and configuration are good for: a line each, with what to do.",
        discussion:
            "Exits 1 where something keeps Frostline from working. A report of a problem begins with its output.")

    @Argument(help: "The folder that runs would be kept in.", completion: .directory) var folder = "runs"
    @Flag(help: "Print one JSON object.") var json = false
    @OptionGroup var processor: ProcessorArguments

    func run() throws {
        var findings: [Finding] = []
        // A kernel that is wrong is a finding here, not the end.
        do { try processor.apply() } catch {
            findings.append(.bad("kernels", "\(error)", "see docs/processors.md"))
        }
        findings += MachineCheck.findings() + TerminalCheck.findings() + SettingsCheck.findings()
        findings.append(FolderCheck.finding(folder))
        let works = !findings.contains { $0.state == .bad }
        if json {
            StandardStreams.json(
                .object([
                    ("version", .string(frostlineVersion)), ("works", .bool(works)),
                    ("findings", .array(findings.map(\.json))),
                ]))
        } else {
            let isUTF8 = TerminalTraits.isUTF8
            for line in findings.flatMap({ Self.lines($0, isUTF8: isUTF8) }) { StandardStreams.line(line) }
        }
        if !works { throw ExitCode(1) }
    }

    static func lines(_ finding: Finding, isUTF8: Bool) -> [String] {
        let sign =
            switch finding.state {
            case .good: isUTF8 ? "✓" : "+"
            case .advice: isUTF8 ? "·" : "-"
            case .bad: isUTF8 ? "✗" : "!"
            }
        let name = finding.name.padding(toLength: 14, withPad: " ", startingAt: 0)
        let remedy = finding.remedy.map { (isUTF8 ? " → " : " -> ") + $0 } ?? ""
        return ["\(sign) \(name)\(finding.text)\(remedy)"]
    }
}
