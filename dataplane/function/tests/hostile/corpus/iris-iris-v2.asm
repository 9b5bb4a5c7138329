# hook filter
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+24]
    ldxdw %r3, [%r1+16]
    mov %r1, %r3
    add %r1, 16
    jlt %r2, %r1, i127
    mov %r2, -127
    ldxw %r4, [%r3]
    lsh %r4, 32
    arsh %r4, 32
    mul %r4, 629986
    mov %r1, -127
    jslt %r4, 1549671780, i19
    lddw %r1, 0xffffffff24a1e29c
    add %r4, %r1
    arsh %r4, 24
    jslt %r4, 127, i18
    mov %r4, 127
i18:
    mov %r1, %r4
i19:
    ldxw %r4, [%r3+4]
    lsh %r4, 32
    arsh %r4, 32
    mul %r4, 1319850
    jslt %r4, 1999104218, i30
    lddw %r2, 0xffffffff09d81726
    add %r4, %r2
    arsh %r4, 24
    jslt %r4, 127, i29
    mov %r4, 127
i29:
    mov %r2, %r4
i30:
    mov %r4, -127
    ldxw %r0, [%r3+8]
    lsh %r0, 32
    arsh %r0, 32
    mul %r0, 298009
    mov %r5, -127
    jslt %r0, -1028967159, i42
    add %r0, -1101739273
    arsh %r0, 24
    jslt %r0, 127, i41
    mov %r0, 127
i41:
    mov %r5, %r0
i42:
    ldxw %r3, [%r3+12]
    lsh %r3, 32
    arsh %r3, 32
    mul %r3, 678216
    jslt %r3, -1322951176, i52
    add %r3, -807755256
    arsh %r3, 24
    jslt %r3, 127, i51
    mov %r3, 127
i51:
    mov %r4, %r3
i52:
    mov %r3, %r2
    mul %r3, 53
    mov %r6, %r1
    mul %r6, -38
    add %r6, %r3
    mov %r3, %r5
    mul %r3, -43
    add %r6, %r3
    mov %r3, %r4
    mul %r3, -46
    add %r6, %r3
    mov %r0, 0
    add %r6, 3052
    mov %r3, 0
    jslt %r6, 0, i71
    arsh %r6, 6
    jlt %r6, 127, i70
    mov %r6, 127
i70:
    mov %r3, %r6
i71:
    mul %r2, -5
    mul %r1, -25
    add %r1, %r2
    mul %r5, 79
    add %r1, %r5
    mul %r4, 54
    add %r1, %r4
    add %r1, -1082
    jslt %r1, 0, i84
    arsh %r1, 6
    jlt %r1, 127, i83
    mov %r1, 127
i83:
    mov %r0, %r1
i84:
    mov %r2, %r0
    mul %r2, -18
    mov %r1, %r3
    mul %r1, 59
    add %r1, %r2
    lddw %r2, 0xfffff719
    add %r1, %r2
    mov %r4, %r0
    mul %r4, 76
    mul %r0, -61
    mov %r2, %r3
    add %r2, %r0
    mul %r3, -68
    add %r3, %r4
    lddw %r4, 0xfffffe68
    add %r3, %r4
    mov %r4, 0
    stxw [%r10-16], %r4
    stxw [%r10-4], %r3
    add %r2, 2211
    stxw [%r10-8], %r2
    stxw [%r10-12], %r1
    lsh %r1, 32
    arsh %r1, 32
    mov %r4, %r2
    lsh %r4, 32
    arsh %r4, 32
    jsle %r4, %r1, i115
    mov %r1, 1
    stxw [%r10-16], %r1
    mov %r1, %r2
i115:
    lsh %r3, 32
    arsh %r3, 32
    lsh %r1, 32
    arsh %r1, 32
    jsge %r1, %r3, i122
    mov %r1, 2
    stxw [%r10-16], %r1
i122:
    mov %r1, %r10
    add %r1, -16
    mov %r2, 16
    call 8
    mov %r0, 1
i127:
    exit
