package dev.klamm.kafka;

/** A generation that must not be used. The message says which file and why, without any key material. */
final class BadGenerationException extends Exception {
    private static final long serialVersionUID = 1L;

    BadGenerationException(String message) {
        super(message);
    }

    BadGenerationException(String message, Throwable cause) {
        super(message + ": " + cause.getMessage(), cause);
    }
}
