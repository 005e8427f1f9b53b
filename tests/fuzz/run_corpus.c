/**
 * run_corpus: runs a fuzz target once over each file of the folders named as arguments, so that a
 * corpus is an ordinary test.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/core/mem.h"
#include "tests/fuzz/fuzz_target.h"

#define MAX_FILE_BYTES 1048576

/* @return whether path is a file that was run */
static int run_file(const char *path)
{
    struct stat st;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return 0;
    }
    if (fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > MAX_FILE_BYTES) {
        (void)fclose(file);
        return 0;
    }
    /* Of exactly the file's size: the sanitizers see a read behind it. */
    uint8_t *data = mem_alloc((size_t)st.st_size);
    const size_t size = fread(data, 1, (size_t)st.st_size, file);
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(data, size);
    mem_free(data);
    return 1;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        for (struct dirent *entry = folder != NULL ? readdir(folder) : NULL; entry != NULL;
             entry = readdir(folder)) {
            char path[4096];
            (void)snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            count += run_file(path);
        }
        if (folder != NULL) {
            (void)closedir(folder);
        }
    }
    (void)printf("%d files\n", count);
    return count > 0 ? 0 : 1;
}
