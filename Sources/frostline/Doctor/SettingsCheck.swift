import Dashboard
import Downloads
import Foundation
import Support
import TUI
import Training

/// Settings, themes, weights.
enum SettingsCheck {
    static func findings() -> [Finding] { settings() + [weights()] }

    private static func settings() -> [Finding] {
        guard let settings = try? InterfaceSettings(nil) else { return [] }
        let environment = ProcessInfo.processInfo.environment
        let file = settingsFolder(environment: environment).map { $0 + "/config.toml" }
        let place = file.map { FileManager.default.fileExists(atPath: $0) ? $0 : "no \($0)" } ?? "no home folder"
        var faults = settings.errors.map(\.description)
        if let theme = settings.configuration.theme, !settings.themes.contains(where: { $0.name == theme }) {
            faults.append("there is no theme \(theme)")
        }
        let themes = Finding.good("themes", settings.themes.map(\.name).joined(separator: ", "))
        if faults.isEmpty { return [.good("configuration", place), themes] }
        return faults.map { .advice("configuration", $0, "frostline-config(5) has what may stand there") } + [themes]
    }

    private static func weights() -> Finding {
        guard let path = WeightFiles.newestPretrained() else {
            return .advice(
                "weights", "none in \(WeightFiles.searchedFolders().joined(separator: ", "))",
                "frostline weights --download fetches torchvision's")
        }
        guard let bytes = try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped) else {
            return .bad("weights", "\(path) cannot be read", "make it readable, or name another with --weights")
        }
        var hash = SHA256()
        bytes.withUnsafeBytes { hash.update($0) }
        let found = hash.finish()
        guard let expected = Download.hashPrefix(in: (path as NSString).lastPathComponent) else {
            return .good("weights", "\(path), SHA-256 \(found.prefix(8))…")
        }
        guard found.hasPrefix(expected) else {
            return .bad(
                "weights", "\(path) has another hash than its name: \(found.prefix(8))…",
                "remove it; frostline weights --download fetches it again")
        }
        return .good("weights", "\(path), SHA-256 as in its name")
    }
}
