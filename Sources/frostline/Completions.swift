import ArgumentParser
import Network
import Training

extension CompletionKind {
    /// Run folders below runs/.
    static var runFolders: CompletionKind {
        .custom { _, _, _ in ((try? RunSearch.runs(below: "runs")) ?? []).filter { !$0.contains("\n") } }
    }

    /// Groups and parameters, as --freeze takes them.
    static var patterns: CompletionKind {
        .custom { _, _, _ in ResNet.resnet18.groups + ResNet.resnet18.parameterNames }
    }

    static var checkpoints: CompletionKind { .file(extensions: ["pth", "pt", "safetensors", "ckpt", "pt2", "bin"]) }
}
