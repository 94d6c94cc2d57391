import Dashboard
import Foundation
import Support
import TUI

/// Settings of config.toml, the theme folders and the command line, which wins.
struct InterfaceSettings {
    var configuration: Configuration
    var themes: [NamedTheme]
    /// Faults in files that are there; the program starts all the same and logs them.
    var errors: [SettingsError]

    /// The path of this program.
    static var executable: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }

    /// - Throws: only for what was asked for on the command line and is not there.
    init(
        _ arguments: InterfaceArguments?, executable: String = Self.executable,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws {
        (themes, errors) = Theme.all(executable: executable, environment: environment)
        let faults: [SettingsError]
        (configuration, faults) = Self.configuration(environment)
        errors = faults + errors
        guard let arguments else { return }
        if let glyphs = arguments.glyphs { configuration.glyphs = glyphs }
        if let mouse = arguments.mouse { configuration.usesMouse = mouse }
        guard let name = arguments.theme else { return }
        configuration.theme = name
        if name.contains("/") || name.hasSuffix(".toml") {
            themes.append(NamedTheme(name: name, summary: "", theme: try Theme.load(path: name)))
        } else if !themes.contains(where: { $0.name == name }) {
            // The error names the folders that were searched.
            _ = try Theme.find(named: name, executable: executable, environment: environment)
        }
    }

    /// Whether a run goes on where its terminal goes away: as the command line says, else config.toml.
    static func survivesHangUp(_ option: Bool?) -> Bool {
        option ?? configuration(ProcessInfo.processInfo.environment).0.detachesOnHangUp ?? false
    }

    /// What config.toml sets, and what is wrong in it.
    private static func configuration(_ environment: [String: String]) -> (Configuration, [SettingsError]) {
        guard let folder = settingsFolder(environment: environment) else { return (Configuration(), []) }
        return Configuration.load(path: folder + "/config.toml")
    }
}
