# hook filter
f0:
    mov %r0, 0
    ldxdw %r3, [%r1+24]
    stxdw [%r10-40], %r1
    ldxdw %r2, [%r1+16]
    mov %r1, %r2
    add %r1, 1
    stxdw [%r10-16], %r3
    jgt %r1, %r3, i211
    mov %r3, 0
    mov32 %r1, 0
    stxw [%r10-64], %r1
    ldxdw %r1, [%r10-40]
    ldxdw %r1, [%r1+40]
    mov32 %r4, 0
    stxw [%r10-56], %r4
    mov32 %r6, 0
    mov32 %r4, 0
    stxw [%r10-24], %r4
    mov32 %r7, 0
    mov32 %r4, 0
    stxw [%r10-8], %r4
    stxdw [%r10-80], %r1
    stxdw [%r10-32], %r1
    stxdw [%r10-48], %r2
    stxdw [%r10-72], %r2
    ja i157
i26:
    mov32 %r3, 0
    stxw [%r10-8], %r3
    mov %r3, %r1
    mov32 %r7, %r9
    mov32 %r6, %r5
    jeq32 %r4, 32, i205
    jgt32 %r4, 13, i40
    mov32 %r0, 1
    lsh32 %r0, %r4
    and32 %r0, 9728
    mov %r3, %r1
    mov32 %r7, %r9
    mov32 %r6, %r5
    jne32 %r0, 0, i205
i40:
    mov %r0, 0
    jne %r1, 0, i43
    jne32 %r4, 123, i211
i43:
    jne %r1, 1, i56
    ldxw %r3, [%r10-56]
    jeq32 %r3, 0, i56
    jeq32 %r4, 44, i48
    jne32 %r4, 125, i56
i48:
    ldxw %r1, [%r10-64]
    jeq32 %r1, 0, i211
    ldxdw %r1, [%r10-72]
    ldxdw %r2, [%r10-48]
    sub %r2, %r1
    call 8
    mov %r0, 1
    ja i211
i56:
    mov32 %r3, 1
    ldxw %r6, [%r10-56]
    jeq32 %r6, 0, i60
    mov32 %r3, 0
i60:
    mov32 %r6, 1
    ldxw %r7, [%r10-64]
    jne32 %r7, 0, i64
    mov32 %r6, 0
i64:
    or32 %r3, %r6
    jne32 %r3, 0, i68
    mov32 %r6, 1
    stxw [%r10-64], %r6
i68:
    jne32 %r3, 0, i70
    stxdw [%r10-72], %r8
i70:
    jsgt32 %r4, 90, i104
    jeq32 %r4, 34, i133
    jeq32 %r4, 44, i144
    jeq32 %r4, 58, i75
    ja i119
i75:
    mov32 %r3, 0
    stxw [%r10-8], %r3
    stxdw [%r10-48], %r2
    mov %r3, %r1
    mov32 %r7, %r9
    mov32 %r6, %r5
    jne %r1, 1, i205
    mov32 %r1, 1
    ldxw %r3, [%r10-56]
    jne32 %r3, 0, i93
    mov32 %r1, 1
    mov32 %r3, 1
    jne32 %r5, 0, i89
    mov32 %r3, 0
i89:
    ldxw %r4, [%r10-24]
    jne32 %r4, 0, i92
    mov32 %r1, 0
i92:
    and32 %r1, %r3
i93:
    mov32 %r3, 0
    stxw [%r10-8], %r3
    mov %r3, 1
    and32 %r1, 1
    stxdw [%r10-48], %r2
    mov32 %r7, %r9
    mov32 %r2, 0
    stxw [%r10-24], %r2
    mov32 %r6, %r5
    stxw [%r10-56], %r1
    ja i205
i104:
    jsgt32 %r4, 122, i117
    jeq32 %r4, 91, i124
    jeq32 %r4, 93, i108
    ja i119
i108:
    mov32 %r3, 0
    stxw [%r10-8], %r3
    add %r1, -1
    stxdw [%r10-48], %r2
    mov %r3, %r1
    mov32 %r7, %r9
    mov32 %r6, %r5
    jeq %r1, 0, i211
    ja i205
i117:
    jeq32 %r4, 123, i124
    jeq32 %r4, 125, i108
i119:
    mov32 %r3, 0
    stxw [%r10-8], %r3
    stxdw [%r10-48], %r2
    mov %r3, %r1
    ja i155
i124:
    mov32 %r3, 0
    stxw [%r10-8], %r3
    mov %r3, %r1
    add %r3, 1
    stxdw [%r10-48], %r2
    mov32 %r7, %r9
    mov32 %r6, %r5
    jne %r1, 0, i205
    ja i151
i133:
    mov32 %r3, 1
    stxw [%r10-8], %r3
    mov32 %r6, 1
    jeq %r1, 1, i138
    mov32 %r6, 0
i138:
    stxdw [%r10-48], %r2
    ldxdw %r2, [%r10-80]
    stxdw [%r10-32], %r2
    mov %r3, %r1
    mov32 %r7, %r9
    ja i205
i144:
    mov32 %r3, 0
    stxw [%r10-8], %r3
    stxdw [%r10-48], %r2
    mov %r3, %r1
    mov32 %r7, %r9
    mov32 %r6, %r5
    jne %r1, 1, i205
i151:
    mov32 %r1, 1
    stxw [%r10-24], %r1
    mov %r3, 1
    stxdw [%r10-48], %r2
i155:
    mov32 %r7, %r9
    ja i204
i157:
    mov %r1, %r3
    mov32 %r9, %r7
    mov32 %r5, %r6
    mov %r8, %r2
    ldxb %r4, [%r8]
    add %r2, 1
    ldxw %r3, [%r10-8]
    jeq32 %r3, 0, i26
    mov32 %r7, 0
    jne32 %r9, 0, i182
    mov32 %r7, 1
    jeq32 %r4, 92, i182
    jne32 %r4, 34, i181
    ldxdw %r3, [%r10-40]
    ldxdw %r3, [%r3+48]
    mov32 %r4, 0
    stxw [%r10-8], %r4
    ldxdw %r4, [%r10-32]
    jeq %r4, %r3, i177
    mov32 %r5, 0
i177:
    stxdw [%r10-48], %r2
    mov %r3, %r1
    mov32 %r7, 0
    ja i204
i181:
    mov32 %r7, 0
i182:
    mov32 %r2, 1
    stxw [%r10-8], %r2
    mov %r3, %r1
    mov32 %r6, %r5
    ldxw %r2, [%r10-24]
    jeq32 %r2, 0, i205
    mov %r3, %r1
    mov32 %r6, %r5
    jeq32 %r5, 0, i205
    mov32 %r6, 0
    ldxdw %r2, [%r10-32]
    add %r2, 1
    ldxdw %r3, [%r10-40]
    ldxdw %r0, [%r3+48]
    mov %r3, %r1
    jgt %r2, %r0, i205
    ldxdw %r3, [%r10-32]
    ldxb %r0, [%r3]
    mov %r3, %r1
    jne32 %r0, %r4, i205
    stxdw [%r10-32], %r2
    mov %r3, %r1
i204:
    mov32 %r6, %r5
i205:
    mov %r0, 0
    mov %r2, %r8
    add %r2, 1
    add %r8, 2
    ldxdw %r1, [%r10-16]
    jle %r8, %r1, i157
i211:
    exit
