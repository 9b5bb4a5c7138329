# hook filter
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+24]
    ldxdw %r3, [%r1+16]
    mov %r1, %r3
    add %r1, 16
    jgt %r1, %r2, i103
    ldxsw %r2, [%r3+4]
    mul %r2, 1319850
    lddw %r1, 0xffffffff09d81726
    add %r2, %r1
    arsh %r2, 24
    jslt %r2, 127, i13
    mov %r2, 127
i13:
    ldxsw %r1, [%r3]
    jsgt %r2, -127, i16
    mov %r2, -127
i16:
    mul %r1, 629986
    lddw %r5, 0xffffffff24a1e29c
    ldxsw %r4, [%r3+12]
    mul %r4, 678216
    add %r4, -807755256
    arsh %r4, 24
    jslt %r4, 127, i24
    mov %r4, 127
i24:
    add %r1, %r5
    jsgt %r4, -127, i27
    mov %r4, -127
i27:
    arsh %r1, 24
    jslt %r1, 127, i30
    mov %r1, 127
i30:
    jsgt %r1, -127, i32
    mov %r1, -127
i32:
    mov %r6, %r4
    mul %r6, 54
    mov %r0, %r2
    mul %r0, -5
    ldxsw %r5, [%r3+8]
    mul %r5, 298009
    add %r5, -1101739273
    arsh %r5, 24
    jslt %r5, 127, i42
    mov %r5, 127
i42:
    add %r0, %r6
    jsgt %r5, -127, i45
    mov %r5, -127
i45:
    mov %r6, %r5
    mul %r6, 79
    mov %r3, %r1
    mul %r3, -25
    add %r3, %r6
    add %r3, %r0
    mul %r4, -46
    mul %r2, 53
    add %r2, %r4
    mul %r5, -43
    mul %r1, -38
    add %r1, %r5
    add %r1, %r2
    add %r1, 3052
    arsh %r1, 6
    jslt %r1, 127, i62
    mov %r1, 127
i62:
    add %r3, -1082
    arsh %r3, 6
    jslt %r3, 127, i66
    mov %r3, 127
i66:
    jsgt %r3, 0, i68
    mov %r3, 0
i68:
    jsgt %r1, 0, i70
    mov %r1, 0
i70:
    mov32 %r4, %r3
    mul32 %r4, -18
    mov32 %r2, %r1
    mul32 %r2, 59
    add32 %r2, %r4
    mov32 %r5, %r3
    mul32 %r5, 76
    mul32 %r3, -61
    mov32 %r4, %r1
    add32 %r4, %r3
    mul32 %r1, -68
    add32 %r1, %r5
    add32 %r1, -408
    stxw [%r10-4], %r1
    add32 %r2, -2279
    add32 %r4, 2211
    mov32 %r3, %r4
    jsgt32 %r4, %r2, i89
    mov32 %r3, %r2
i89:
    stw [%r10-16], 0
    stxw [%r10-8], %r4
    stxw [%r10-12], %r2
    jsgt32 %r4, %r2, i94
    jsge32 %r3, %r1, i98
i94:
    mov32 %r2, 2
    jslt32 %r3, %r1, i97
    mov32 %r2, 1
i97:
    stxw [%r10-16], %r2
i98:
    mov %r1, %r10
    add %r1, -16
    mov %r2, 16
    call 8
    mov %r0, 1
i103:
    exit
