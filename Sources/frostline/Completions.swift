import ArgumentParser
import Network
import Training

extension CompletionKind {
    /// Run folders below runs/, and those in the folder that is typed so far.
    static var runFolders: CompletionKind { .custom { _, _, typed in Completions.runFolders(typed) } }

    /// Groups and parameters, as --freeze takes them.
    static var patterns: CompletionKind { .custom { _, _, _ in Completions.patterns } }

    /// The words of `tell`, and what follows them.
    static var tellWords: CompletionKind { .custom { words, index, _ in Completions.tellWords(words, at: index) } }

    static var themes: CompletionKind {
        .custom { _, _, _ in ((try? InterfaceSettings(nil))?.themes ?? []).map(\.name) }
    }

    static var checkpoints: CompletionKind { .file(extensions: ["pth", "pt", "safetensors", "ckpt", "pt2", "bin"]) }
}

/// What the shells offer; they choose of it what begins with what is typed.
enum Completions {
    static let patterns = ResNet.resnet18.groups + ResNet.resnet18.parameterNames

    static func runFolders(_ typed: String) -> [String] {
        let folder = typed.lastIndex(of: "/").map { String(typed[...$0]) }
        var found = folder == nil ? (try? RunSearch.runs(below: "runs")) ?? [] : []
        found += RunSearch.names(in: folder ?? ".").map { (folder ?? "") + $0 }
        return found.filter { !$0.contains("\n") }
    }

    static func tellWords(_ words: [String], at index: Int) -> [String] {
        switch words.indices.contains(index - 1) ? TellCommand.Wish.Word(rawValue: words[index - 1]) : nil {
        case .freeze, .thaw: patterns
        case .strategy: Strategy.allCases.map(\.rawValue)
        case nil: TellCommand.Wish.Word.allCases.map(\.rawValue)
        default: []
        }
    }
}
