/* 五个函数的命令行例子，也用于测试 / the five functions on the command line, also for the tests.
 *
 *   paybox_his_example ADDRESS pay ID TRY FEN BUSINESS MORE SECONDS
 *   paybox_his_example ADDRESS query ID TRY SECONDS
 *   paybox_his_example ADDRESS refund ID PAY_ID FEN REASON SECONDS
 *
 * Prints the code, then the answer's lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "paybox_his.h"

int main(int count, char **word) {
    char answer[8192] = "";
    int handle, code = PAYBOX_BAD_ARGUMENT;
    if (count < 3) return 2;
    handle = paybox_open(word[1], 3000);
    if (handle < 0) {
        printf("%d\n", handle);
        return 1;
    }
    if (strcmp(word[2], "pay") == 0 && count == 9)
        code = paybox_pay(handle, word[3], atoi(word[4]), atoi(word[5]), word[6], word[7],
                          atoi(word[8]), answer, (int)sizeof answer);
    else if (strcmp(word[2], "query") == 0 && count == 6)
        code = paybox_query(handle, word[3], atoi(word[4]), atoi(word[5]), answer,
                            (int)sizeof answer);
    else if (strcmp(word[2], "refund") == 0 && count == 8)
        code = paybox_refund(handle, word[3], word[4], atoi(word[5]), word[6], atoi(word[7]), answer,
                             (int)sizeof answer);
    printf("%d\n%s", code, answer);
    paybox_close(handle);
    return 0;
}
