package dev.klamm.kafka;

import java.nio.file.Path;
import java.util.Objects;

/**
 * Where one key store and one trust store are: two file names (either may be null) in one folder, which is normally
 * the link {@code current} to a generation.
 */
final class PemFiles {
    private final Path folder;
    private final String keyName;
    private final String trustName;

    /** Both paths must be in the same folder; see {@link #sameFolder}. */
    PemFiles(Path keyFile, Path trustFile) {
        Path any = keyFile != null ? keyFile : trustFile;
        this.folder = any.toAbsolutePath().normalize().getParent();
        this.keyName = keyFile == null ? null : keyFile.getFileName().toString();
        this.trustName = trustFile == null ? null : trustFile.getFileName().toString();
    }

    static boolean sameFolder(Path keyFile, Path trustFile) {
        return keyFile.toAbsolutePath().normalize().getParent()
                .equals(trustFile.toAbsolutePath().normalize().getParent());
    }

    Path folder() {
        return folder;
    }

    Path keyIn(Path generation) {
        return keyName == null ? null : generation.resolve(keyName);
    }

    Path trustIn(Path generation) {
        return trustName == null ? null : generation.resolve(trustName);
    }

    /** For messages: the folder and the names. */
    @Override
    public String toString() {
        return folder + "/" + (keyName == null ? trustName : trustName == null ? keyName : keyName + "+" + trustName);
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof PemFiles)) {
            return false;
        }
        PemFiles that = (PemFiles) other;
        return folder.equals(that.folder) && Objects.equals(keyName, that.keyName)
                && Objects.equals(trustName, that.trustName);
    }

    @Override
    public int hashCode() {
        return Objects.hash(folder, keyName, trustName);
    }
}
