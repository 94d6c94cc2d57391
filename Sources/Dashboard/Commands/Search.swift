import Network
import TUI

extension DashboardState {
    /// Rows that a search means: those that match where the group above them does not, so that n goes from layer to
    /// layer and not through every tensor of each.
    func matches(_ text: String) -> [Int] {
        let pattern = ParameterPattern(text)
        var hits: [Bool] = []
        hits.reserveCapacity(tree.nodes.count)
        var found: [Int] = []
        // Parents stand before their children.
        for (number, node) in tree.nodes.enumerated() {
            let inherited = node.parent.map { hits[$0] } ?? false
            let own = name(of: number)
            let hit = inherited || pattern.matches(own) || pattern.matches(node.path)
            hits.append(hit)
            if hit, !inherited { found.append(number) }
        }
        return found
    }

    /// The full name of a row that stands for one parameter, else the group's path.
    func name(of node: Int) -> String {
        let members = tree.nodes[node].members
        return members.count == 1 ? tree.parameters[members[0]].name : tree.nodes[node].path
    }

    /// Keys while the text is typed.
    mutating func typeSearch(_ key: Key) {
        switch key {
        case .escape:
            let origin = deciding.search.origin
            deciding.search = DecidingState.Search()
            cursor = origin
            layRows()
            return
        case .enter: deciding.search.isTyping = false
        case .backspace, .delete:
            if deciding.search.text.isEmpty {
                deciding.search.isTyping = false
                return
            }
            deciding.search.text.removeLast()
        case .control("u"): deciding.search.text = ""
        case .character(let character):
            let isControl = character.unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) }
            guard !isControl, deciding.search.text.utf8.count < 200 else { return }
            deciding.search.text.append(character)
        default: return
        }
        guard deciding.search.isTyping else { return }
        // Each letter starts from where the cursor was, so that a longer text can go back to an earlier row.
        let found = matches(deciding.search.text)
        let start = deciding.search.origin.flatMap { origin in tree.nodes.firstIndex { $0.path == origin } } ?? 0
        if let hit = found.first(where: { $0 >= start }) ?? found.first { reveal(hit) }
    }

    mutating func seek(forward: Bool) {
        let found = matches(deciding.search.text)
        guard !found.isEmpty else {
            log(.warning, "nothing matches \(deciding.search.text)")
            return
        }
        let here = cursorNode ?? 0
        let next =
            forward
            ? found.first { $0 > here } ?? found.first : found.last { $0 < here } ?? found.last
        if let next { reveal(next) }
    }

    /// Puts the cursor on a row, opening the groups that it lies in.
    private mutating func reveal(_ node: Int) {
        var parent = tree.nodes[node].parent
        while let number = parent {
            unfolded.insert(tree.nodes[number].path)
            parent = tree.nodes[number].parent
        }
        cursor = tree.nodes[node].path
        layRows()
    }

    func drawSearch(_ canvas: inout Canvas, y: Int) {
        let theme = canvas.theme
        let width = canvas.frame.width
        let text = deciding.search.text
        let count = matches(text).count
        let tally = text.isEmpty ? "part of a name, or *?[]" : count == 1 ? "1 row" : "\(count) rows"
        let keys = [
            Span("enter", theme[.key]), Span(" stay  ", theme[.label]), Span("esc", theme[.key]),
            Span(" back  ", theme[.label]), Span("n N", theme[.key]), Span(" next, previous", theme[.label]),
        ]
        var right = width - 1
        let size = keys.reduce(0) { $0 + canvas.width($1.text) }
        if size + tally.utf8.count + 30 <= width {
            right -= size
            canvas.put(right, y, keys, limit: width)
            right -= 2
        }
        canvas.putRight(right, y, tally, theme[text.isEmpty ? .dim : count > 0 ? .success : .warning])
        let start = canvas.put(1, y, "/", theme[.key])
        let end = canvas.put(start, y, text, theme[.title], limit: max(start, right - canvas.width(tally) - 3))
        canvas.put(end, y, canvas.isUnicode ? "▏" : "_", theme[.key])
    }

    func drawConfirmation(_ canvas: inout Canvas, y: Int) {
        guard let confirmation = deciding.confirmation else { return }
        let theme = canvas.theme
        let keys = [
            Span("y", theme[.key]), Span(" do it  ", theme[.label]), Span("n", theme[.key]),
            Span(" leave it", theme[.label]),
        ]
        let size = keys.reduce(0) { $0 + canvas.width($1.text) }
        let x = canvas.putFitted(
            1, y, "this " + confirmation.loss, theme[.warning], width: max(0, canvas.frame.width - size - 4))
        canvas.put(x + 2, y, keys)
    }
}
