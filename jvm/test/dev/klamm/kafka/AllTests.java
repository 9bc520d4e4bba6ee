package dev.klamm.kafka;

/** Runs every suite; the one argument is a part of the names to run, or empty. */
public final class AllTests {
    private AllTests() {}

    /** Exits 0 when all passed. */
    public static void main(String[] args) throws IllegalAccessException {
        Suite suite = new Suite();
        for (Class<?> tests : new Class<?>[] {PemTest.class, ParityTest.class, ReloadTest.class, DenyTest.class,
            ObserverTest.class, NodeTest.class}) {
            suite.run(tests, args[0]);
        }
        System.exit(suite.report() ? 0 : 1);
    }
}
