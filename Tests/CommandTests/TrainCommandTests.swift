import Checkpoints
import Foundation
import Network
import Support
import Testing
import Training

@Suite struct TrainCommandTests {
    @Test func `a run without a terminal prints plain lines, saves, and exits with 0`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let result = try harness.run(
            ["train", harness.data, "--from-scratch", "--output", "run"] + CommandHarness.quick)
        #expect(result.code == 0, "\(result.error)")
        #expect(!result.output.utf8.contains(0x1B))
        #expect(result.output.contains("finished after"))
        for name in [
            RunFolder.descriptionName, RunFolder.metricsName, RunFolder.lastName, RunFolder.bestName,
            RunFolder.stateName,
        ] {
            #expect(FileManager.default.fileExists(atPath: "\(harness.folder)/run/\(name)"), "\(name)")
        }
    }

    @Test func `a run starts from what another run saved, and keeps its fc where the classes are as many`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        _ = try harness.run(["train", harness.data, "--from-scratch", "--output", "first"] + CommandHarness.quick)
        let second = try harness.run(
            ["train", harness.data, "--weights", "first/last.safetensors", "--output", "second"] + CommandHarness.quick)
        #expect(second.code == 0, "\(second.error)")
        #expect(second.output.contains("fc with 2 outputs is kept"))
        let new = try harness.run(
            ["train", harness.data, "--weights", "first/last.safetensors", "--head", "new", "--output", "third"]
                + CommandHarness.quick)
        #expect(new.output.contains("a new fc with 2 outputs is drawn"))
        let inspected = try harness.run(["inspect", "first/last.safetensors", "--json"])
        #expect(inspected.code == 0)
        #expect(JSON.parse(Data(inspected.output.utf8))?["fits"]?.flag == true)
    }

    @Test func `of a network with another head inspect says that training takes the rest`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        func write(_ name: String, _ shapes: [(String, [Int])]) throws {
            let entries = shapes.map { name, shape in
                SafetensorsWriter.Entry(
                    name: name, shape: shape, data: .floats([Float](repeating: 0.01, count: shape.reduce(1, *))))
            }
            try SafetensorsWriter.write(entries, to: harness.folder + "/" + name)
        }
        let body = ResNet.resnet18.tensors(classes: 2).filter { $0.kind != .batchesTracked && !$0.name.hasPrefix("fc") }
            .map { ($0.name, $0.shape) }
        let head = [("fc.1.weight", [4, 512]), ("fc.1.bias", [4]), ("fc.3.weight", [2, 4]), ("fc.3.bias", [2])]
        for (name, shapes, takes) in [
            ("head.safetensors", body + head, true), ("part.safetensors", body.dropLast() + head, false),
        ] {
            try write(name, shapes)
            let text = try harness.run(["inspect", name])
            #expect(text.code == 1 && text.output.contains("does not fit ResNet18"))
            #expect(text.output.contains("training takes it, and draws a new fc") == takes)
            let object = JSON.parse(Data(try harness.run(["inspect", name, "--json"]).output.utf8))
            #expect(object?["fits"]?.flag == false && object?["fitsWithoutHead"]?.flag == takes)
            let trained = try harness.run(
                ["train", harness.data, "--weights", name, "--output", "of-" + name] + CommandHarness.quick)
            #expect((trained.code == 0) == takes, "\(trained.error)")
        }
    }

    @Test func `a resumed run takes its pictures from where they were moved, and no others of the same number`() throws
    {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let first = try harness.run(
            ["train", "data", "--from-scratch", "--output", "run"] + CommandHarness.quick)
        #expect(first.code == 0, "\(first.error)")
        let manager = FileManager.default
        try manager.moveItem(atPath: harness.data, toPath: harness.folder + "/moved")
        let moved = try harness.run(["train", "moved/", "--resume", "run", "--epochs", "2"])
        #expect(moved.code == 0, "\(moved.error)")
        try manager.moveItem(
            atPath: harness.folder + "/moved/cats/0.ppm", toPath: harness.folder + "/moved/cats/other.ppm")
        let other = try harness.run(["train", "moved", "--resume", "run", "--epochs", "3"])
        #expect(other.code == 1 && other.error.contains("these are not the pictures"), "\(other.error)")
    }

    @Test func `a resumed run goes on, and refuses other options`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        _ = try harness.run(["train", harness.data, "--from-scratch", "--output", "run"] + CommandHarness.quick)
        let more = try harness.run(["train", harness.data, "--resume", "run", "--epochs", "2"])
        #expect(more.code == 0, "\(more.error)")
        let other = try harness.run(["train", harness.data, "--resume", "run", "--seed", "5"])
        #expect(other.code != 0)
        #expect(other.error.contains("--resume"))
    }

    @Test func `a resumed run keeps every option that it was started with`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        func options() throws -> JSON? {
            JSON.parse(try Data(contentsOf: URL(fileURLWithPath: harness.folder + "/run/run.json")))?["options"]
        }
        let started = try harness.run(
            ["train", "data", "--from-scratch", "--output", "run", "--patience", "3", "--clip-norm", "2"]
                + ["--save-every", "2", "--lr", "fc=0.01", "--thaw", "1:layer4", "--freeze", "fc.bias"]
                + CommandHarness.quick)
        #expect(started.code == 0, "\(started.error)")
        let before = try #require(try options())
        #expect(before["saveEvery"] == .integer(2) && before["patience"] == .integer(3))
        let resumed = try harness.run(["train", "data", "--resume", "run", "--threads", "2"])
        #expect(resumed.code == 0, "\(resumed.error)")
        #expect(try options() == before)
    }

    @Test func `SIGTERM finishes the step, saves, and exits with 0`() throws {
        let harness = try CommandHarness(pictures: 40)
        defer { harness.remove() }
        let script = """
            "\(CommandHarness.program.path)" train data --from-scratch --strategy full --output run --epochs 500 \
            --image-size 32 --batch-size 4 > out 2> err & pid=$!
            while ! grep -q '"step"' run/metrics.jsonl 2>/dev/null; do sleep 0.05; done
            kill -TERM $pid; wait $pid; echo "code $?"
            """
        let printed = try harness.shell(script)
        #expect(printed.contains("code 0"))
        #expect(FileManager.default.fileExists(atPath: harness.folder + "/run/" + RunFolder.lastName))
        let output = try String(contentsOfFile: harness.folder + "/out", encoding: .utf8)
        #expect(output.contains("stopped after"))
    }

    @Test func `a run under nohup goes on after SIGHUP, and stops at SIGTERM`() throws {
        let harness = try CommandHarness(pictures: 40)
        defer { harness.remove() }
        let printed = try harness.shell(
            """
            steps() { grep -c '"step"' run/metrics.jsonl; }
            nohup "\(CommandHarness.program.path)" train data --from-scratch --strategy full --output run --epochs 500 \
            --image-size 32 --batch-size 4 > out 2> err & pid=$!
            while ! grep -q '"step"' run/metrics.jsonl 2>/dev/null; do sleep 0.05; done
            kill -HUP $pid; before=$(steps)
            while [ "$(steps)" -lt $((before + 3)) ] && ! grep -q "stopped after" out; do sleep 0.05; done
            grep -q stop out || echo "goes on"
            kill -TERM $pid; wait $pid; echo "code $?"
            """)
        #expect(printed == "goes on\ncode 0\n")
    }

    @Test func `a cache in a file is there while the run is, and gone when it is killed`() throws {
        let harness = try CommandHarness(pictures: 40)
        defer { harness.remove() }
        let script = """
            "\(CommandHarness.program.path)" train data --from-scratch --output run --epochs 100000 --image-size 32 \
            --batch-size 4 --cache-memory 0 --cache-dir cache > out 2> err & pid=$!
            while ! grep -q '"step"' run/metrics.jsonl 2>/dev/null; do sleep 0.05; done
            grep -c 'cache/.frostline-features.*deleted' /proc/$pid/maps
            kill -KILL $pid; wait $pid; echo "left: $(ls -A cache)"
            """
        let printed = try harness.shell(script)
        #expect(printed.split(separator: "\n").map(String.init) == ["1", "left: "])
    }

    @Test func `bench prints one object with what scripts read`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        for mode in ["train", "eval", "cached"] {
            let result = try harness.run([
                "bench", "--json", "--mode", mode, "--batch-size", "2", "--image-size", "64", "--steps", "2",
                "--strategy",
                "partial",
            ])
            #expect(result.code == 0, "\(result.error)")
            let json = try #require(JSON.parse(Data(result.output.utf8)))
            for key in ["milliseconds", "imagesPerSecond", "peakMemoryMiB"] { #expect(json[key]?.double ?? 0 > 0) }
        }
    }

    @Test func `bench --profile lists every convolution with what it took`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let options = [
            "bench", "--profile", "--batch-size", "2", "--image-size", "64", "--steps", "2", "--threads", "1",
        ]
        let result = try harness.run(options + ["--json"])
        #expect(result.code == 0, "\(result.error)")
        let json = try #require(JSON.parse(Data(result.output.utf8)))
        #expect(json["peakGigaflops"]?.double ?? 0 > 0)
        let layers = try #require(json["layers"]?.items)
        #expect(layers.allSatisfy { $0["milliseconds"]?.double ?? 0 > 0 })
        func names(_ kind: String) -> Set<String> {
            Set(layers.filter { $0["kind"]?.text == kind }.compactMap { $0["name"]?.text })
        }
        #expect(names("forward").count == 20)
        #expect(names("weightGradient") == names("forward"))
        #expect(names("inputGradient") == names("forward").subtracting(["conv1"]))
        // The laps leave nothing of the step out.
        let sum = layers.reduce(0) { $0 + ($1["milliseconds"]?.double ?? 0) }
        let step = try #require(json["milliseconds"]?.double)
        #expect(sum > step / 2 && sum < step * 2, "\(sum) of \(step)")

        let table = try harness.run(options)
        for name in names("forward") { #expect(table.output.contains("\n\(name) "), "\(table.output)") }
    }
}
