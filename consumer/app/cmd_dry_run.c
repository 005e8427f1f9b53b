#include <stdio.h>

#include "consumer/app/commands.h"

void dry_run_print(const char *line)
{
    (void)printf("%s\n", line);
    (void)fflush(stdout);
}
