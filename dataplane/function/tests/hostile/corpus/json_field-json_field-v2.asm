# hook filter
f0:
    mov %r0, 0
    ldxdw %r3, [%r1+24]
    stxdw [%r10-32], %r1
    ldxdw %r2, [%r1+16]
    mov %r1, %r2
    add %r1, 1
    stxdw [%r10-8], %r3
    jgt %r1, %r3, i214
    mov %r1, 0
    stxdw [%r10-56], %r1
    ldxdw %r1, [%r10-32]
    ldxdw %r1, [%r1+40]
    mov %r3, 0
    stxdw [%r10-48], %r3
    mov %r5, 0
    mov %r3, 0
    stxdw [%r10-16], %r3
    mov %r9, 0
    mov %r7, 0
    mov %r6, 0
    stxdw [%r10-72], %r1
    stxdw [%r10-24], %r1
    stxdw [%r10-40], %r2
    stxdw [%r10-64], %r2
    ja i154
i25:
    mov %r7, 0
    mov %r6, %r1
    mov %r5, %r4
    jeq %r3, 32, i208
    jgt %r3, 13, i36
    mov %r0, 1
    lsh %r0, %r3
    and %r0, 9728
    mov %r6, %r1
    mov %r5, %r4
    jne %r0, 0, i208
i36:
    mov %r0, 0
    jne %r1, 0, i39
    jne %r3, 123, i214
i39:
    jne %r1, 1, i56
    ldxdw %r5, [%r10-48]
    lsh %r5, 32
    rsh %r5, 32
    jeq %r5, 0, i56
    jeq %r3, 44, i46
    jne %r3, 125, i56
i46:
    ldxdw %r1, [%r10-56]
    lsh %r1, 32
    rsh %r1, 32
    jeq %r1, 0, i214
    ldxdw %r1, [%r10-64]
    ldxdw %r2, [%r10-40]
    sub %r2, %r1
    call 8
    mov %r0, 1
    ja i214
i56:
    ldxdw %r0, [%r10-56]
    lsh %r0, 32
    rsh %r0, 32
    mov %r5, 1
    jne %r0, 0, i62
    mov %r5, 0
i62:
    ldxdw %r6, [%r10-48]
    lsh %r6, 32
    rsh %r6, 32
    mov %r0, 1
    jeq %r6, 0, i68
    mov %r0, 0
i68:
    or %r0, %r5
    jne %r0, 0, i72
    mov %r5, 1
    stxdw [%r10-56], %r5
i72:
    jne %r0, 0, i74
    stxdw [%r10-64], %r8
i74:
    jsgt %r3, 90, i111
    jeq %r3, 34, i135
    jeq %r3, 44, i144
    jeq %r3, 58, i79
    ja i125
i79:
    mov %r7, 0
    stxdw [%r10-40], %r2
    mov %r6, %r1
    mov %r5, %r4
    jne %r1, 1, i208
    mov %r6, 1
    ldxdw %r3, [%r10-48]
    lsh %r3, 32
    rsh %r3, 32
    mov %r1, 1
    jne %r3, 0, i103
    mov %r5, %r4
    lsh %r5, 32
    rsh %r5, 32
    mov %r1, 1
    mov %r3, 1
    jne %r5, 0, i97
    mov %r3, 0
i97:
    ldxdw %r5, [%r10-16]
    lsh %r5, 32
    rsh %r5, 32
    jne %r5, 0, i102
    mov %r1, 0
i102:
    and %r1, %r3
i103:
    mov %r7, 0
    and %r1, 1
    stxdw [%r10-40], %r2
    mov %r2, 0
    stxdw [%r10-16], %r2
    mov %r5, %r4
    stxdw [%r10-48], %r1
    ja i208
i111:
    jsgt %r3, 122, i123
    jeq %r3, 91, i128
    jeq %r3, 93, i115
    ja i125
i115:
    mov %r7, 0
    add %r1, -1
    stxdw [%r10-40], %r2
    mov %r6, %r1
    mov %r5, %r4
    mov %r0, 0
    jeq %r1, 0, i214
    ja i208
i123:
    jeq %r3, 123, i128
    jeq %r3, 125, i115
i125:
    mov %r7, 0
    stxdw [%r10-40], %r2
    ja i206
i128:
    mov %r7, 0
    mov %r6, %r1
    add %r6, 1
    stxdw [%r10-40], %r2
    mov %r5, %r4
    jne %r1, 0, i208
    ja i149
i135:
    mov %r7, 1
    mov %r5, 1
    jeq %r1, 1, i139
    mov %r5, 0
i139:
    stxdw [%r10-40], %r2
    ldxdw %r2, [%r10-72]
    stxdw [%r10-24], %r2
    mov %r6, %r1
    ja i208
i144:
    mov %r7, 0
    stxdw [%r10-40], %r2
    mov %r6, %r1
    mov %r5, %r4
    jne %r1, 1, i208
i149:
    mov %r6, 1
    stxdw [%r10-40], %r2
    mov %r1, 1
    stxdw [%r10-16], %r1
    ja i207
i154:
    mov %r1, %r6
    mov %r4, %r5
    mov %r8, %r2
    ldxb %r3, [%r8]
    add %r2, 1
    lsh %r7, 32
    rsh %r7, 32
    jeq %r7, 0, i25
    lsh %r9, 32
    mov %r5, %r9
    rsh %r5, 32
    mov %r9, 0
    jne %r5, 0, i181
    mov %r9, 1
    jeq %r3, 92, i181
    jne %r3, 34, i180
    ldxdw %r3, [%r10-32]
    ldxdw %r3, [%r3+48]
    mov %r7, 0
    ldxdw %r5, [%r10-24]
    jeq %r5, %r3, i176
    mov %r4, 0
i176:
    stxdw [%r10-40], %r2
    mov %r6, %r1
    mov %r9, 0
    ja i207
i180:
    mov %r9, 0
i181:
    mov %r7, 1
    ldxdw %r2, [%r10-16]
    lsh %r2, 32
    rsh %r2, 32
    mov %r6, %r1
    mov %r5, %r4
    jeq %r2, 0, i208
    mov %r2, %r4
    lsh %r2, 32
    rsh %r2, 32
    mov %r6, %r1
    mov %r5, %r4
    jeq %r2, 0, i208
    mov %r5, 0
    ldxdw %r2, [%r10-24]
    add %r2, 1
    ldxdw %r0, [%r10-32]
    ldxdw %r0, [%r0+48]
    mov %r6, %r1
    jgt %r2, %r0, i208
    ldxdw %r0, [%r10-24]
    ldxb %r0, [%r0]
    mov %r6, %r1
    jne %r0, %r3, i208
    stxdw [%r10-24], %r2
i206:
    mov %r6, %r1
i207:
    mov %r5, %r4
i208:
    mov %r0, 0
    mov %r2, %r8
    add %r2, 1
    add %r8, 2
    ldxdw %r1, [%r10-8]
    jle %r8, %r1, i154
i214:
    exit
