package dev.klamm.kafka;

import java.lang.reflect.InvocationTargetException;
import java.util.Arrays;

/**
 * The start of the observer without a Java agent: {@code java … dev.klamm.kafka.Launch SOCKET MAIN-CLASS ARGUMENTS…}
 * starts it and then runs the main class as if it had been named itself. Preferred over {@code -javaagent}: Java 25
 * refuses an ahead-of-time cache when an agent is there (measured: 3 s of CPU more for each start of a node), and
 * Java 17 refuses to train an archive with one.
 */
public final class Launch {
    private Launch() {}

    /** The socket's path, the main class, and what is passed on to it. */
    public static void main(String[] args) throws Throwable {
        if (args.length < 2) {
            System.err.println("usage: dev.klamm.kafka.Launch SOCKET MAIN-CLASS [ARGUMENT...]");
            System.exit(2);
        }
        Observer.start(args[0]);
        try {
            Class.forName(args[1]).getMethod("main", String[].class)
                    .invoke(null, (Object) Arrays.copyOfRange(args, 2, args.length));
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }
}
