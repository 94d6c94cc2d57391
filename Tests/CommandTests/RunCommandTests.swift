import Foundation
import Images
import Support
import Testing
import Training

/// What is done with a run afterwards: predict, evaluate, export.
@Suite struct RunCommandTests {
    private func trained() throws -> CommandHarness {
        let harness = try CommandHarness()
        let result = try harness.run(
            ["train", harness.data, "--from-scratch", "--output", "run"] + CommandHarness.quick)
        #expect(result.code == 0, "\(result.error)")
        return harness
    }

    private func objects(_ text: String) throws -> [JSON] {
        try text.split(separator: "\n").map { try #require(JSON.parse(Data($0.utf8))) }
    }

    @Test func `predict prints an object a line in the order given, and exits 1 where a picture is unreadable`() throws
    {
        let harness = try trained()
        defer { harness.remove() }
        try Data("no picture".utf8).write(to: URL(fileURLWithPath: harness.folder + "/broken.jpg"))
        let files = ["data/dogs/1.ppm", "broken.jpg", "data/cats/0.ppm", "nowhere.png", "data/dogs/2.ppm"]
        let result = try harness.run(["predict", "run"] + files + ["--json"])
        #expect(result.code == 1)
        let lines = try objects(result.output)
        #expect(lines.map { $0["file"]?.text } == files)
        for (file, line) in zip(files, lines) {
            if file.hasSuffix("ppm") {
                let probabilities = try #require(line["probabilities"])
                #expect(Set(probabilities.keys ?? []) == ["cats", "dogs"])
                let values = ["cats", "dogs"].compactMap { probabilities[$0]?.double }
                #expect(abs(values.reduce(0, +) - 1) < 1e-9)
                let best = try #require(line["class"]?.text)
                #expect(probabilities[best]?.double == values.max())
            } else {
                #expect(line["error"]?.text?.contains(file) == true)
                #expect(line["class"] == nil)
            }
        }
        let good = try harness.run(["predict", "run", "data/cats/0.ppm"])
        #expect(good.code == 0)
        #expect(good.output.hasPrefix("data/cats/0.ppm  "))
        #expect(good.output.contains("cats") && good.output.contains("dogs"))
    }

    @Test func `predict --map writes the picture with the heat, and its numbers in JSON`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let train = try harness.run(
            [
                "train", harness.data, "--from-scratch", "--output", "run", "--image-size", "96", "--batch-size", "4",
                "--epochs", "1", "--threads", "2",
            ])
        #expect(train.code == 0, "\(train.error)")
        let one = try harness.run(["predict", "run", "data/cats/0.ppm", "--map", "heat.png", "--json"])
        #expect(one.code == 0, "\(one.error)")
        let object = try #require(try objects(one.output).first)
        let rows = try #require(object["map"]?.items).map { ($0.items ?? []).compactMap(\.double) }
        #expect(rows.map(\.count) == [3, 3, 3])
        let picture = try ImageDecoder.decode(path: harness.folder + "/heat.png", exif: .apply)
        #expect(picture.width == 96 && picture.height == 96)

        // Several have a file each, also where names repeat and a picture cannot be read.
        try Data("no picture".utf8).write(to: URL(fileURLWithPath: harness.folder + "/broken.jpg"))
        let files = ["data/cats/0.ppm", "broken.jpg", "data/dogs/0.ppm", "data/dogs/1.ppm"]
        let many = try harness.run(["predict", "run"] + files + ["--map", "all.png"])
        #expect(many.code == 1)
        #expect(many.output.split(separator: "\n").count == 3)
        let written = try FileManager.default.contentsOfDirectory(atPath: harness.folder).filter {
            $0.hasPrefix("all")
        }
        #expect(written.sorted() == ["all-0-2.png", "all-0.png", "all-1.png"])
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: harness.folder + "/all-0.png"))
                == Data(contentsOf: URL(fileURLWithPath: harness.folder + "/heat.png")))

        let without = try objects(try harness.run(["predict", "run", "data/cats/0.ppm", "--json"]).output)
        #expect(without[0]["map"] == nil)
        #expect(without[0]["probabilities"] == object["probabilities"])
    }

    @Test func `predict --map says where it cannot write, and writes over no picture`() throws {
        let harness = try trained()
        defer { harness.remove() }
        let picture = harness.folder + "/a.png"
        #expect(try harness.run(["predict", "run", "data/cats/0.ppm", "--map", "a.png"]).code == 0)
        let before = try Data(contentsOf: URL(fileURLWithPath: picture))
        for (map, reason) in [
            ("nowhere/heat.png", "nowhere/heat.png: cannot be written"), ("run", "ends in .png"),
            ("heat.jpg", "ends in .png"), ("./data/../a.png", "one of the pictures"), ("data.png", "cannot be written"),
        ] {
            if map == "data.png" {
                try FileManager.default.createDirectory(
                    atPath: harness.folder + "/data.png", withIntermediateDirectories: false)
            }
            let result = try harness.run(["predict", "run", "a.png", "--map", map])
            #expect(result.code == 1, "\(map)")
            #expect(result.error.contains(reason), "\(map): \(result.error)")
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: picture)) == before)
        #expect(!FileManager.default.fileExists(atPath: harness.folder + "/heat.jpg"))
        let left = try FileManager.default.contentsOfDirectory(atPath: harness.folder)
        #expect(!left.contains { $0.hasSuffix(".part") })
    }

    @Test func `a picture's probabilities do not depend on the pictures beside it`() throws {
        let harness = try trained()
        defer { harness.remove() }
        let all = try objects(
            try harness.run(
                ["predict", "run", "--json"] + (0..<6).flatMap { ["data/cats/\($0).ppm", "data/dogs/\($0).ppm"] }
            ).output)
        #expect(all.count == 12)
        let alone = try objects(try harness.run(["predict", "run", "data/dogs/3.ppm", "--json"]).output)
        #expect(all.first { $0["file"]?.text == "data/dogs/3.ppm" } == alone.first)
    }

    @Test func `evaluate counts what predict predicts`() throws {
        let harness = try trained()
        defer { harness.remove() }
        let result = try harness.run(["evaluate", "run", "data", "--json"])
        #expect(result.code == 0, "\(result.error)")
        let report = try #require(JSON.parse(Data(result.output.utf8)))
        #expect(report["pictures"]?.int == 12)
        #expect(result.error.contains("--held-out"))
        let predictions = try objects(
            try harness.run(
                ["predict", "run", "--json"] + (0..<6).flatMap { ["data/cats/\($0).ppm", "data/dogs/\($0).ppm"] }
            ).output)
        let right = predictions.filter { $0["file"]?.text?.contains($0["class"]?.text ?? "-") == true }.count
        #expect(report["correct"]?.int == right)
        #expect(report["accuracy"]?.double == Double(right) / 12)
        let rows = try #require(report["confusionMatrix"]?["rows"]?.items)
        #expect(rows.flatMap { $0.items ?? [] }.compactMap(\.int).reduce(0, +) == 12)
        #expect(report["worstMistakes"]?.items?.count == 12 - right)
        let text = try harness.run(["evaluate", "run", "data"])
        #expect(text.code == 0 && text.output.contains("precision") && text.output.contains("95 % interval"))
    }

    @Test func `evaluate takes a folder that lacks a class, and refuses one that the network does not know`() throws {
        let harness = try CommandHarness(classes: ["ants", "bees", "cats"])
        defer { harness.remove() }
        _ = try harness.run(["train", harness.data, "--from-scratch", "--output", "run"] + CommandHarness.quick)
        _ = try FileManager.default.removeItem(atPath: harness.data + "/bees")
        let fewer = try harness.run(["evaluate", "run", "data", "--json"])
        #expect(fewer.code == 0, "\(fewer.error)")
        let report = try #require(JSON.parse(Data(fewer.output.utf8)))
        #expect(report["classes"]?["bees"]?["support"]?.int == 0)
        #expect(report["classes"]?["cats"]?["support"]?.int == 6)
        try FileManager.default.moveItem(atPath: harness.data + "/cats", toPath: harness.data + "/wasps")
        let unknown = try harness.run(["evaluate", "run", "data"])
        #expect(unknown.code == 1)
        #expect(unknown.error.contains("wasps") && unknown.error.contains("bees"))
    }

    @Test func `held-out evaluation is what the run's own validation found`() throws {
        let harness = try trained()
        defer { harness.remove() }
        let metrics = try String(contentsOfFile: harness.folder + "/run/metrics.jsonl", encoding: .utf8)
        let epoch = try #require(try objects(metrics).last { $0["kind"]?.text == "epoch" })
        let result = try harness.run(["evaluate", "run", "data", "--held-out", "--weights", "last", "--json"])
        let report = try #require(JSON.parse(Data(result.output.utf8)))
        #expect(report["pictures"]?.int == 2)
        #expect(report["accuracy"]?.double == epoch["validation"]?["accuracy"]?.double)
        let (a, b) = (report["loss"]?.double ?? 0, epoch["validation"]?["loss"]?.double ?? 1)
        #expect(abs(a - b) < 1e-9 * max(1, b))
    }

    @Test func `export writes what inspect says fits`() throws {
        let harness = try trained()
        defer { harness.remove() }
        for file in ["out.pth", "out.safetensors"] {
            let result = try harness.run(["export", "run", file])
            #expect(result.code == 0, "\(result.error)")
            #expect(try harness.run(["inspect", file]).code == 0)
        }
        for file in ["out.onnx", "out.csv"] { #expect(try harness.run(["export", "run", file]).code == 0) }
        let bad = try harness.run(["export", "run", "out.txt"])
        #expect(bad.code == 1 && bad.error.contains(".safetensors"))
        let full = try harness.run(["export", "run", "/proc/out.pth"])
        #expect(full.code == 1 && full.error.contains("/proc/out.pth"))
    }
}

/// What is asked before a run: which rate, which way.
@Suite struct SearchCommandTests {
    @Test func `find-lr prints a curve and writes nothing`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let arguments =
            ["find-lr", harness.data, "--from-scratch", "--steps", "30", "--to", "1"] + CommandHarness.quick
        let result = try harness.run(arguments + ["--json"])
        #expect(result.code == 0, "\(result.error)")
        let json = try #require(JSON.parse(Data(result.output.utf8)))
        let rates = json["rates"]?.items ?? []
        #expect(rates.count > 10 && rates.count <= 30)
        #expect(json["losses"]?.items?.count == rates.count)
        #expect(json["rule"]?.text?.isEmpty == false)
        for key in ["suggestion", "smoothedLosses", "from", "to", "flat"] { #expect(json[key] != nil, "\(key)") }
        #expect(json["seeds"]?.items?.count == 1)
        let averaged = try harness.run(arguments + ["--orders", "2", "--json"])
        #expect(JSON.parse(Data(averaged.output.utf8))?["seeds"]?.items?.count == 2)
        let text = try harness.run(arguments, environment: ["LC_ALL": "C"])
        #expect(text.code == 0 && text.output.contains("*"))
        #expect(text.output.utf8.allSatisfy { $0 < 0x80 })
        #expect(text.output.split(separator: "\n").allSatisfy { $0.count < 80 })
        #expect(!FileManager.default.fileExists(atPath: harness.folder + "/runs"))
    }

    @Test func `compare on a terminal draws one chart of all arms over itself, and leaves it above the table`() throws {
        let harness = try CommandHarness(pictures: 8)
        defer { harness.remove() }
        let arguments = ["compare", harness.data, "--from-scratch", "--arm", "slow: --learning-rate 1e-5"]
        let terminal = try #require(
            try PseudoTerminal(arguments + CommandHarness.quick + ["--epochs", "3"], folder: harness.folder))
        #expect(terminal.wait() == 0)
        let drawn = terminal.take()
        for name in ["1 head ", "2 partial ", "3 full ", "4 auto ", "5 slow "] { #expect(drawn.contains(name)) }
        // Only the table and what comes after it are lines of their own.
        #expect(drawn.contains("95 % interval"))
        #expect(!drawn.contains("epoch 3/3 done"))
        // A terminal without room for it gets the lines that a pipe gets.
        let small = try #require(
            try PseudoTerminal(arguments + CommandHarness.quick, folder: harness.folder, width: 30, height: 5))
        #expect(small.wait() == 0)
        #expect(small.take().contains("epoch 1/1 done"))
    }

    @Test func `compare prints a table and what follows from it`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let arguments =
            ["compare", harness.data, "--from-scratch", "--arm", "slow: --strategy full --learning-rate 1e-5"]
            + CommandHarness.quick
        let result = try harness.run(arguments + ["--json", "--output", "kept"])
        #expect(result.code == 0, "\(result.error)")
        for arm in ["head", "partial", "full", "auto", "slow"] {
            let evaluated = try harness.run(["evaluate", "kept/" + arm, harness.data])
            #expect(evaluated.code == 0, "\(evaluated.error)")
        }
        let again = try harness.run(arguments + ["--output", "kept"])
        #expect(again.code == 1 && again.error.contains("--output kept"), "\(again.error)")
        let json = try #require(JSON.parse(Data(result.output.utf8)))
        let arms = json["arms"]?.items ?? []
        #expect(arms.compactMap { $0["name"]?.text } == ["head", "partial", "full", "auto", "slow"])
        for arm in arms {
            for key in ["accuracy", "seconds", "secondsToBest", "peakMemoryMiB"] { #expect(arm[key]?.double != nil) }
        }
        #expect(json["recommendation"]?["text"]?.text?.contains("validation pictures") == true)
        let text = try harness.run(arguments)
        #expect(text.code == 0 && text.output.contains("parameters") && text.output.contains("Take "))
    }

    @Test(arguments: [
        (["compare", "data", "--from-scratch", "--seeds", "0"], "--seeds"),
        (["compare", "data", "--from-scratch", "--arm", "x"], "name: options"),
        (["compare", "data", "--from-scratch", "--arm", "x: --nonsense"], "--nonsense"),
        (["compare", "data", "--from-scratch", "--arm", "x: --seed 3"], "--seed"),
        (["compare", "data", "--from-scratch", "--arm", "head: --epochs 2"], "no other arm"),
        (["compare", "data", "--from-scratch", "--validation-split", "0"], "--validation-split"),
        (["compare", "nowhere", "--from-scratch"], "nowhere"),
        (["find-lr", "data", "--from-scratch", "--from", "0"], "--from"),
        (["find-lr", "data", "--from-scratch", "--steps", "1"], "--steps"),
        (["find-lr", "data", "--from-scratch", "--orders", "0"], "--orders"),
        (["find-lr", "nowhere", "--from-scratch"], "nowhere"),
        (["evaluate", "nowhere", "data"], "nowhere"),
        (["predict", "nowhere", "a.jpg"], "nowhere"),
        (["export", "nowhere", "a.pth"], "nowhere"),
        (["weights", "--download", "--url", "ftp://example.org/a.pth"], "--url"),
        (["weights", "--download", "--url", "http://127.0.0.1:9/resnet18-f37072fd.pth"], "resnet18-f37072fd.pth"),
        (["train", "data", "--from-scratch", "--lr", "layer4"], "--lr"),
        (["train", "data", "--from-scratch", "--lr", "layer9=1"], "layer9"),
        (["train", "data", "--from-scratch", "--thaw", "99:fc"], "--thaw"),
        (["train", "data", "--from-scratch", "--patience", "1", "--validation-split", "0"], "--patience"),
        (["train", "data", "--from-scratch", "--accumulate", "-1"], "--accumulate"),
        (["train", "data", "--from-scratch", "--clip-norm", "nan"], "--clip-norm"),
        (
            ["train", "data", "--from-scratch", "--batch-size", "4096", "--image-size", "1024", "--strategy", "full"],
            "would fit"
        ),
    ]) func `what makes no sense is refused with one clear error`(_ arguments: [String], _ mention: String) throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let result = try harness.run(arguments)
        #expect(result.code > 0)
        #expect(result.error.contains(mention), "\(result.error)")
        #expect(!result.error.contains("Fatal error"))
    }
}

/// Options that a resumed run takes, and those that it refuses.
@Suite struct ResumeCommandTests {
    @Test func `other weights than those of the beginning are refused by name`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        func train(_ arguments: [String]) throws -> CommandHarness.Result {
            try harness.run(["train", harness.data, "--headless"] + arguments)
        }
        _ = try train(["--from-scratch", "--output", "first"] + CommandHarness.quick)
        _ = try train(["--weights", "first/last.safetensors", "--output", "second"] + CommandHarness.quick)
        let same = try train(["--resume", "second", "--weights", "first/last.safetensors", "--epochs", "2"])
        #expect(same.code == 0, "\(same.error)")
        let other = try train(["--resume", "second", "--weights", "first/state.safetensors", "--epochs", "3"])
        #expect(other.code == 1 && other.error.contains("first/last.safetensors"))
        let random = try train(["--resume", "second", "--from-scratch", "--epochs", "3"])
        #expect(random.code == 1 && random.error.contains("--from-scratch"))
        let more = try train(["--resume", "first", "--patience", "5", "--save-every", "1", "--epochs", "2"])
        #expect(more.code == 0, "\(more.error)")
    }

    @Test func `a run that was ended before its first save begins again from the same weights`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        _ = try harness.run(
            ["train", harness.data, "--headless", "--from-scratch", "--output", "run"] + CommandHarness.quick)
        let before = try String(contentsOfFile: harness.folder + "/run/metrics.jsonl", encoding: .utf8)
        for name in [RunFolder.stateName, RunFolder.lastName, RunFolder.bestName] {
            try FileManager.default.removeItem(atPath: "\(harness.folder)/run/\(name)")
        }
        let again = try harness.run(["train", harness.data, "--headless", "--resume", "run"])
        #expect(again.code == 0, "\(again.error)")
        #expect(again.output.contains("begins again"))
        let after = try String(contentsOfFile: harness.folder + "/run/metrics.jsonl", encoding: .utf8)
        func losses(_ text: String) -> [JSON?] {
            text.split(separator: "\n").map { JSON.parse(Data($0.utf8))?["loss"] }
        }
        #expect(losses(before) == losses(after) && !losses(after).isEmpty)
    }
}
