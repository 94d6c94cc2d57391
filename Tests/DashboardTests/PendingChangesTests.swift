import Dashboard
import Testing
import TrainingEvents

@Suite("Changes of the mask without an answer")
struct PendingChangesTests {
    @Test("The latest command about a parameter says what it will be")
    func latest() {
        var pending = PendingChanges()
        #expect(pending.isEmpty && pending.wanted(0) == nil)
        let first = pending.add([0: true, 1: true])
        let second = pending.add([1: false])
        #expect(pending.wanted(0) == true && pending.wanted(1) == false && pending.wanted(2) == nil)
        pending.settle(second)
        #expect(pending.wanted(1) == true)
        pending.settle(first)
        #expect(pending.isEmpty)
    }

    @Test("A parameter is marked while a command will change it, also to and fro")
    func marks() {
        var pending = PendingChanges()
        _ = pending.add([0: true])
        #expect(pending.changes(0, from: false) && !pending.changes(0, from: true))
        _ = pending.add([0: false])
        #expect(pending.changes(0, from: true) && pending.changes(0, from: false))
        #expect(!pending.changes(1, from: true))
    }

    @Test("Only its own answer settles a command, in whatever order the answers come")
    func answers() {
        var pending = PendingChanges()
        let ids = (0..<3).map { pending.add([$0: true]) }
        pending.settle(nil)
        pending.settle(CommandID(client: 7, number: ids[0].number))
        #expect(ids.indices.allSatisfy { pending.changes($0, from: false) })
        pending.settle(ids[1])
        #expect(pending.changes(0, from: false) && !pending.changes(1, from: false))
        pending.settle(ids[1])
        #expect(pending.changes(2, from: false))
    }

    @Test("No id comes twice, also after everything was forgotten")
    func ids() {
        var pending = PendingChanges()
        var ids = [pending.add([0: true]), pending.nextID(), pending.add([:])]
        pending.removeAll()
        #expect(pending.isEmpty)
        ids.append(pending.add([0: true]))
        #expect(Set(ids).count == 4)
    }
}
