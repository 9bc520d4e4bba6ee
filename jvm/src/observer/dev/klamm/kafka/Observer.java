package dev.klamm.kafka;

import java.io.IOException;
import java.lang.instrument.Instrumentation;
import java.nio.file.Path;

/**
 * The start of the observer, by {@link Launch} or by {@code -javaagent:klamm-jvm.jar=SOCKET}. It runs before Kafka's main
 * and must never stop or slow it: everything else happens on one daemon thread, and a failure is a line on standard error.
 */
public final class Observer {
    private Observer() {}

    /** Called by the JVM; the argument is the path of the Unix socket to serve. */
    public static void premain(String socket, Instrumentation unused) {
        start(socket);
    }

    static void start(String socket) {
        long startedNanos = System.nanoTime();
        try {
            Thread thread = new Thread(() -> serve(socket, startedNanos), "klamm-observer");
            thread.setDaemon(true);
            thread.start();
        } catch (RuntimeException | Error e) {
            report(socket, e);
        }
    }

    private static void serve(String socket, long startedNanos) {
        try {
            if (socket == null || socket.isEmpty()) {
                throw new IOException("no path given, a socket is needed");
            }
            ObserverSocket.bind(Path.of(socket)).serve(request -> answer(request, startedNanos));
        } catch (IOException | RuntimeException | Error e) {
            report(socket, e);
        }
    }

    private static String answer(String request, long startedNanos) {
        StatusDocument document = new StatusDocument(startedNanos);
        return switch (request) {
            case "status" -> Json.write(document.status());
            case "metrics" -> Json.write(document.metrics());
            default -> null;
        };
    }

    private static void report(String socket, Throwable why) {
        System.err.println("klamm observer: not serving " + socket + ": " + why);
    }
}
