/// What manual pages and docs/reference.md say beside the commands' own definitions.
enum ManualFacts {
    static let exitCodes: [(code: String, meaning: String)] = [
        ("0", "Done; also a run that was stopped, and has saved."),
        ("1", "It failed, and standard error says why; for inspect: readable, but no ResNet18."),
        ("2", "inspect: unreadable or unsafe."),
        ("64", "The command line is wrong."),
        ("128 + N", "Ended by signal N at once: by a second ^C, say."),
    ]

    static let environment: [(name: String, meaning: String)] = [
        ("FROSTLINE_THEMES", "A folder of themes, looked into first."),
        ("FROSTLINE_INSTRUCTIONS", "The most that is used of the processor: baseline, avx2 or avx512."),
        ("OPENBLAS_CORETYPE", "OpenBLAS's kernels, as --blas-kernel."),
        ("TORCH_HOME", "Where torch's hub keeps its checkpoints; else torch in XDG_CACHE_HOME, else ~/.cache/torch."),
        ("XDG_CONFIG_HOME", "config.toml and themes are in its folder frostline; else in ~/.config/frostline."),
        ("XDG_CACHE_HOME", "The demonstration's task A is kept in its folder frostline; else in ~/.cache/frostline."),
        ("XDG_RUNTIME_DIR", "Sockets of runs whose folder has too long a path, or takes none."),
        ("TMPDIR", "Temporary files; else /tmp."),
        ("TERM, COLORTERM, NO_COLOR", "What the terminal is taken for; NO_COLOR set: no colours."),
        ("LC_ALL, LC_CTYPE, LANG", "Whether the terminal shows UTF-8."),
    ]

    static let files: [(name: String, meaning: String)] = [
        ("run.json", "Every option, the classes, hashes of files, versions: enough to do a run again."),
        (
            "metrics.jsonl",
            "A line for each step, epoch, change of the mask, probe and decision (docs/metrics.schema.json)."
        ),
        ("last.safetensors", "Weights after the last saved step."),
        ("best.safetensors", "Weights at the best validation."),
        ("state.safetensors", "Optimizer, random numbers, order, mask: what --resume goes on from."),
    ]
}
