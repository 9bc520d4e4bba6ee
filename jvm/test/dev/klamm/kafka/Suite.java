package dev.klamm.kafka;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Objects;

/** A class of tests: each public static method without parameters is one, its name a sentence. */
final class Suite {
    static final Path PKI = Path.of(System.getProperty("klamm.test.pki"));
    static final Path JAR = Path.of(System.getProperty("klamm.test.jar"));
    static final Path LIBS = Path.of(System.getProperty("klamm.test.libs"));
    static final Path WORK = Path.of(System.getProperty("klamm.test.work"));

    private int passed;
    private int failed;

    void run(Class<?> tests, String filter) throws IllegalAccessException {
        Method[] methods = tests.getDeclaredMethods();
        Arrays.sort(methods, Comparator.comparing(Method::getName));
        for (Method method : methods) {
            String name = tests.getSimpleName() + " " + method.getName().replace('_', ' ');
            boolean isTest = Modifier.isPublic(method.getModifiers()) && method.getParameterCount() == 0;
            if (!isTest || !name.contains(filter)) {
                continue;
            }
            long start = System.nanoTime();
            try {
                method.invoke(null);
                passed++;
                System.out.printf("ok      %s (%d ms)%n", name, (System.nanoTime() - start) / 1_000_000);
            } catch (InvocationTargetException e) {
                failed++;
                System.out.println("FAILED  " + name);
                e.getCause().printStackTrace(System.out);
            }
        }
    }

    boolean report() {
        System.out.println(passed + " passed, " + failed + " failed");
        return failed == 0 && passed > 0;
    }

    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    static void equal(Object expected, Object found, String what) {
        check(Objects.equals(expected, found), what + ": expected " + expected + ", found " + found);
    }

    /** Polls until it holds; fails with the reason after the limit. */
    static void within(Duration limit, String what, Condition condition) throws Exception {
        long deadline = System.nanoTime() + limit.toNanos();
        while (!condition.holds()) {
            check(System.nanoTime() < deadline, "not within " + limit + ": " + what);
            Thread.sleep(20);
        }
    }

    interface Condition {
        boolean holds() throws Exception;
    }
}
